"""What an agent learns of the ports in its VM."""

from __future__ import annotations

import pytest

from hatchway import Agent, Conflict, InvalidRequest

pytestmark = pytest.mark.sandbox

SERVE = "require('http').createServer((q, s) => s.end('hello')).listen(3000, '127.0.0.1')"


async def test_ports_are_waited_for_and_listed(agent: Agent) -> None:
    assert await agent.ports() == []
    assert (await agent.info()).state == "asleep", "to ask wakes nobody"
    process = await agent.spawn("node", ["-e", SERVE])
    await agent.wait_for_port(3000)
    (port,) = await agent.ports()
    assert (port.port, port.address, port.family, port.pid) == (3000, "127.0.0.1", "ipv4", process.pid)
    assert port.command == ("node", "-e", SERVE)


async def test_waiting_fails_early_or_in_time(agent: Agent) -> None:
    with pytest.raises(Conflict) as late:
        await agent.wait_for_port(3000, timeout=0.1)
    assert late.value.code == "port_closed"
    await agent.spawn("sh", ["-c", "exit 7"])
    with pytest.raises(Conflict) as early:
        await agent.wait_for_port(3000, timeout=60)
    assert early.value.code == "process_exited"
    assert early.value.details is not None
    assert early.value.details["exit_code"] == 7
    for wrong in (0, 70000):
        with pytest.raises(InvalidRequest) as caught:
            await agent.wait_for_port(wrong)
        assert caught.value.code == "invalid_port"
