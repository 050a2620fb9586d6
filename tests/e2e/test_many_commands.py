"""Ten thousand short commands leave no zombie, file descriptor or thread behind."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from e2e.host_processes import guests
from e2e.server_process import ServerProcess
from e2e.waiting import eventually
from hatchway import Agent, AsyncClient

pytestmark = [pytest.mark.sandbox, pytest.mark.slow, pytest.mark.timeout(300)]

COMMANDS = 10_000
AT_ONCE = 8


def belongings(pid: int) -> tuple[int, int]:
    """How many file descriptors and threads a process has."""
    return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))


async def in_the_vm(agent: Agent) -> list[str]:
    """What runs in the VM, the one who looks left out."""
    return [each.command[0] for each in await agent.all_processes()]


async def least(agent: Agent, pids: set[int]) -> list[tuple[int, int]]:
    """What guest inits have at rest: now and then one opens a file for a moment, to see which ports are listened on."""
    readings = []
    for _ in range(20):
        await in_the_vm(agent)
        readings.append([belongings(pid) for pid in sorted(pids)])
    return min(readings)


async def test_ten_thousand_commands_leave_nothing(own_server: ServerProcess) -> None:
    async with AsyncClient(own_server.url) as client:
        agent = client.vm.get_or_create("many")

        async def run(count: int) -> None:
            for number in range(count):
                if number % 100 == 99:  # some are spawned, and some are cut off
                    process = await agent.spawn("true")
                    assert await process.wait() == 0
                elif number % 100 == 50:
                    assert (await agent.exec("sleep 100", timeout=0.001)).timed_out
                else:
                    assert (await agent.exec(["true"])).exit_code == 0

        await asyncio.gather(*(run(101) for _ in range(AT_ONCE)))  # what is made once is made

        async def quiet() -> bool:
            return len(await in_the_vm(agent)) == 1

        await eventually(quiet, "the VM has one process again")
        server, processes = belongings(own_server.pid), await in_the_vm(agent)
        inits = {process.pid for process in guests(own_server.pid)}
        # An ordinary user may not look into guest init (it is not dumpable): root does so for both.
        readable = os.geteuid() == 0
        init = await least(agent, inits) if readable else []
        await asyncio.gather(*(run(COMMANDS // AT_ONCE) for _ in range(AT_ONCE)))
        await eventually(quiet, "the VM has one process again")
        assert await in_the_vm(agent) == processes == ["hatchway-init"]
        assert {process.pid for process in guests(own_server.pid)} == inits
        after = belongings(own_server.pid)
        assert after[1] == server[1]
        assert after[0] <= server[0] + AT_ONCE  # sockets that are kept for the next request
        if readable:
            assert await least(agent, inits) == init
        zombies = [
            path
            for path in Path("/proc").glob("[0-9]*")
            if _stat(path).partition(")")[2].split()[:2] == ["Z", str(own_server.pid)]
        ]
        assert zombies == []


def _stat(path: Path) -> str:
    try:
        return (path / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
