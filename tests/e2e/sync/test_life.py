# Written by tools/generate-sync-client from tests/e2e/aio/test_life.py.
"""Waking, pausing and sleeping a VM, and its declared services, as an agent does it."""

from __future__ import annotations

import pytest

from hatchway import Conflict, InvalidRequest, NotFound, SyncAgent, Unavailable

pytestmark = pytest.mark.sandbox

SERVE = "import http.server as h, os; os.chdir('/home/user'); h.test(h.SimpleHTTPRequestHandler, port=3000)"


def test_a_vm_goes_through_all_of_its_states(agent: SyncAgent) -> None:
    assert (agent.info()).state == "asleep"
    assert (agent.wake()).state == "running"
    agent.write_file("/home/user/kept", "on disk")
    agent.write_file("/tmp/held", "in memory")
    process = agent.spawn("sleep", ["1000"])
    assert (agent.pause()).state == "paused"
    assert (agent.pause()).state == "paused"
    assert (agent.info()).state == "paused", "to ask is no use"
    assert (process.info()).state == "running"
    assert (agent.info()).state == "running"
    assert agent.read_file("/tmp/held") == b"in memory"
    assert (agent.sleep()).state == "asleep"
    assert (agent.sleep()).state == "asleep"
    assert (agent.pause()).state == "asleep"
    assert agent.read_file("/home/user/kept") == b"on disk"
    assert not agent.exists("/tmp/held")
    assert agent.list_processes() == []


def test_one_that_is_in_use_is_not_paused(agent: SyncAgent) -> None:
    process = agent.spawn("cat")
    output = process.output()
    process.write_stdin("text")
    for _piece in output:
        with pytest.raises(Conflict) as caught:
            agent.pause()
        assert caught.value.code == "vm_in_use"
        process.kill()


def test_idle_times_are_a_vms_own(agent: SyncAgent) -> None:
    info = agent.info()
    assert (info.pause_after, info.sleep_after) == (300, 3600)
    info = agent.set_idle(pause_after=None, sleep_after=1.5)
    assert (info.pause_after, info.sleep_after) == (None, 1.5)
    assert agent.info() == info
    for wrong in (-1, float("nan"), "1"):
        with pytest.raises(InvalidRequest):
            agent.set_idle(pause_after=wrong, sleep_after=None)  # type: ignore[arg-type]


def test_a_declared_service_is_kept_running(agent: SyncAgent) -> None:
    agent.write_file("/home/user/index.html", "hello")
    declared = agent.service("web", "python3", ["-uc", SERVE], port=3000, ready="/index.html")
    assert (declared.name, declared.state, declared.restarts) == ("web", "ready", 0)
    assert (agent.vm_fetch(3000, "/index.html")).text == "hello"
    assert agent.service("web", "python3", ["-uc", SERVE], port=3000, ready="/index.html") == declared
    agent.exec(f"kill -9 {declared.pid}")
    while (after := agent.get_service("web")).state != "ready" or after.restarts == 0:
        pass
    assert (agent.vm_fetch(3000, "/index.html")).text == "hello"
    assert (after.restarts, after.signal) == (1, 9)
    agent.sleep()
    assert [service.state for service in agent.list_services()] == ["asleep"]
    assert (agent.info()).state == "asleep", "to list them does not wake it"
    assert (agent.vm_fetch(3000, "/index.html")).text == "hello"
    log = b"".join([piece for piece in agent.logs("web")]).decode()
    assert log.count("started as pid") == 3
    assert "ended with signal 9" in log
    assert "GET /index.html" in log
    assert agent.remove_service("web") is True
    assert agent.remove_service("web") is False
    assert agent.list_services() == []
    with pytest.raises(Unavailable):
        agent.vm_fetch(3000, "/")
    with pytest.raises(NotFound) as gone:
        agent.get_service("web")
    assert gone.value.code == "service_not_found"


def test_a_service_that_does_not_get_ready_is_told_with_its_last_words(agent: SyncAgent) -> None:
    with pytest.raises(Unavailable) as caught:
        agent.service("bad", "sh", ["-c", "echo no such table >&2; exit 3"], port=3000, timeout=1)
    assert caught.value.code == "service_not_ready"
    assert caught.value.details is not None
    assert (caught.value.details["exit_code"], caught.value.details["stderr"]) == (3, "no such table")
    with pytest.raises(Unavailable) as missing:
        agent.service("bad", "there-is-no-such-program", timeout=1)
    assert "could not be started" in missing.value.message
    agent.remove_service("bad")
    for name in ("", "a/b", "-x"):
        with pytest.raises(InvalidRequest) as wrong:
            agent.service(name, "true")
        assert wrong.value.code == "invalid_service"


def test_a_log_is_followed_until_the_service_is_removed(agent: SyncAgent) -> None:
    agent.service("talker", "sh", ["-c", "echo first; cat >/dev/null; sleep 1000"])
    pieces = agent.logs("talker", follow=True)
    text = b""
    for piece in pieces:
        text += piece
        if b"first" in text:
            agent.remove_service("talker")
    assert b"first\n" in text
