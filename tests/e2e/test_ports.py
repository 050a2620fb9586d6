"""Ports of VMs whose callers go away, and of VMs that fall asleep and wake."""

from __future__ import annotations

import asyncio

import pytest

from e2e.waiting import eventually
from hatchway import Agent, Conflict

pytestmark = pytest.mark.sandbox

SERVE = "require('http').createServer((q, s) => s.end('hello')).listen(3000, '127.0.0.1')"


async def test_who_waits_holds_the_vm_only_until_the_caller_goes(agent: Agent) -> None:
    await agent.spawn("sleep", ["1000"])
    waiting = asyncio.create_task(agent.wait_for_port(3000, timeout=600))

    async def refused() -> bool:
        try:
            await agent.pause()
        except Conflict as error:
            return error.code == "vm_in_use"
        return False

    async def paused() -> bool:
        return not await refused()

    await eventually(refused, "the VM is held")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await eventually(paused, "nobody holds it")


async def test_a_program_may_begin_to_listen_while_it_is_waited_for(agent: Agent) -> None:
    program = f"process.stdin.once('data', () => {SERVE})"
    process = await agent.spawn("node", ["-e", program])
    waiting = asyncio.create_task(agent.wait_for_port(3000, timeout=60))
    await process.write_stdin(b"now\n")
    await waiting
    assert [port.pid for port in await agent.ports()] == [process.pid]


async def test_a_paused_vm_still_has_its_ports_and_one_asleep_has_none(agent: Agent) -> None:
    await agent.spawn("node", ["-e", SERVE])
    await agent.wait_for_port(3000)
    await agent.pause()
    assert [port.port for port in await agent.ports()] == [3000]
    await agent.sleep()
    assert await agent.ports() == []
    assert (await agent.info()).state == "asleep"
