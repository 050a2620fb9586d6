# Written by tools/generate-sync-client from tests/e2e/aio/test_ports.py.
"""What an agent learns of the ports in its VM."""

from __future__ import annotations

import pytest

from hatchway import Conflict, InvalidRequest, SyncAgent

pytestmark = pytest.mark.sandbox

SERVE = "require('http').createServer((q, s) => s.end('hello')).listen(3000, '127.0.0.1')"


def test_ports_are_waited_for_and_listed(agent: SyncAgent) -> None:
    assert agent.ports() == []
    assert (agent.info()).state == "asleep", "to ask wakes nobody"
    process = agent.spawn("node", ["-e", SERVE])
    agent.wait_for_port(3000)
    (port,) = agent.ports()
    assert (port.port, port.address, port.family, port.pid) == (3000, "127.0.0.1", "ipv4", process.pid)
    assert port.command == ("node", "-e", SERVE)


def test_waiting_fails_early_or_in_time(agent: SyncAgent) -> None:
    with pytest.raises(Conflict) as late:
        agent.wait_for_port(3000, timeout=0.1)
    assert late.value.code == "port_closed"
    agent.spawn("sh", ["-c", "exit 7"])
    with pytest.raises(Conflict) as early:
        agent.wait_for_port(3000, timeout=60)
    assert early.value.code == "process_exited"
    assert early.value.details is not None
    assert early.value.details["exit_code"] == 7
    for wrong in (0, 70000):
        with pytest.raises(InvalidRequest) as caught:
            agent.wait_for_port(wrong)
        assert caught.value.code == "invalid_port"
