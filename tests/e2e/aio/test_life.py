"""Waking, pausing and sleeping a VM, and its declared services, as an agent does it."""

from __future__ import annotations

import pytest

from hatchway import Agent, Conflict, InvalidRequest, NotFound, Unavailable

pytestmark = pytest.mark.sandbox

SERVE = "import http.server as h, os; os.chdir('/home/user'); h.test(h.SimpleHTTPRequestHandler, port=3000)"


async def test_a_vm_goes_through_all_of_its_states(agent: Agent) -> None:
    assert (await agent.info()).state == "asleep"
    assert (await agent.wake()).state == "running"
    await agent.write_file("/home/user/kept", "on disk")
    await agent.write_file("/tmp/held", "in memory")
    process = await agent.spawn("sleep", ["1000"])
    assert (await agent.pause()).state == "paused"
    assert (await agent.pause()).state == "paused"
    assert (await agent.info()).state == "paused", "to ask is no use"
    assert (await process.info()).state == "running"
    assert (await agent.info()).state == "running"
    assert await agent.read_file("/tmp/held") == b"in memory"
    assert (await agent.sleep()).state == "asleep"
    assert (await agent.sleep()).state == "asleep"
    assert (await agent.pause()).state == "asleep"
    assert await agent.read_file("/home/user/kept") == b"on disk"
    assert not await agent.exists("/tmp/held")
    assert await agent.list_processes() == []


async def test_one_that_is_in_use_is_not_paused(agent: Agent) -> None:
    process = await agent.spawn("cat")
    output = process.output()
    await process.write_stdin("text")
    async for _piece in output:
        with pytest.raises(Conflict) as caught:
            await agent.pause()
        assert caught.value.code == "vm_in_use"
        await process.kill()


async def test_idle_times_are_a_vms_own(agent: Agent) -> None:
    info = await agent.info()
    assert (info.pause_after, info.sleep_after) == (300, 3600)
    info = await agent.set_idle(pause_after=None, sleep_after=1.5)
    assert (info.pause_after, info.sleep_after) == (None, 1.5)
    assert await agent.info() == info
    for wrong in (-1, float("nan"), "1"):
        with pytest.raises(InvalidRequest):
            await agent.set_idle(pause_after=wrong, sleep_after=None)  # type: ignore[arg-type]


async def test_a_declared_service_is_kept_running(agent: Agent) -> None:
    await agent.write_file("/home/user/index.html", "hello")
    declared = await agent.service("web", "python3", ["-uc", SERVE], port=3000, ready="/index.html")
    assert (declared.name, declared.state, declared.restarts) == ("web", "ready", 0)
    assert (await agent.vm_fetch(3000, "/index.html")).text == "hello"
    assert await agent.service("web", "python3", ["-uc", SERVE], port=3000, ready="/index.html") == declared
    await agent.exec(f"kill -9 {declared.pid}")
    while (after := await agent.get_service("web")).state != "ready" or after.restarts == 0:
        pass
    assert (await agent.vm_fetch(3000, "/index.html")).text == "hello"
    assert (after.restarts, after.signal) == (1, 9)
    await agent.sleep()
    assert [service.state for service in await agent.list_services()] == ["asleep"]
    assert (await agent.info()).state == "asleep", "to list them does not wake it"
    assert (await agent.vm_fetch(3000, "/index.html")).text == "hello"
    log = b"".join([piece async for piece in agent.logs("web")]).decode()
    assert log.count("started as pid") == 3
    assert "ended with signal 9" in log
    assert "GET /index.html" in log
    assert await agent.remove_service("web") is True
    assert await agent.remove_service("web") is False
    assert await agent.list_services() == []
    with pytest.raises(Unavailable):
        await agent.vm_fetch(3000, "/")
    with pytest.raises(NotFound) as gone:
        await agent.get_service("web")
    assert gone.value.code == "service_not_found"


async def test_a_service_that_does_not_get_ready_is_told_with_its_last_words(agent: Agent) -> None:
    with pytest.raises(Unavailable) as caught:
        await agent.service("bad", "sh", ["-c", "echo no such table >&2; exit 3"], port=3000, timeout=1)
    assert caught.value.code == "service_not_ready"
    assert caught.value.details is not None
    assert (caught.value.details["exit_code"], caught.value.details["stderr"]) == (3, "no such table")
    with pytest.raises(Unavailable) as missing:
        await agent.service("bad", "there-is-no-such-program", timeout=1)
    assert "could not be started" in missing.value.message
    await agent.remove_service("bad")
    for name in ("", "a/b", "-x"):
        with pytest.raises(InvalidRequest) as wrong:
            await agent.service(name, "true")
        assert wrong.value.code == "invalid_service"


async def test_a_log_is_followed_until_the_service_is_removed(agent: Agent) -> None:
    await agent.service("talker", "sh", ["-c", "echo first; cat >/dev/null; sleep 1000"])
    pieces = agent.logs("talker", follow=True)
    text = b""
    async for piece in pieces:
        text += piece
        if b"first" in text:
            await agent.remove_service("talker")
    assert b"first\n" in text
