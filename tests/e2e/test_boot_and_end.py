"""VMs begin once and when needed; they, and servers, end without leaving anything."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from e2e.conftest import MakeAgent
from e2e.guest import refusal_of, start_service, wait_for_port
from e2e.host_processes import HostProcess, descendants, guests
from e2e.server_process import ServerProcess, run_command
from e2e.waiting import BOUND_SECONDS, eventually, wait_until
from hatchway import Agent, AsyncClient, HatchwayError, Unavailable

pytestmark = pytest.mark.sandbox


async def states(http: httpx.AsyncClient, server: ServerProcess) -> list[tuple[list[str], str]]:
    vms = (await http.get(f"{server.url}/api/vms")).json()["vms"]
    return [(vm["key"], vm["state"]) for vm in vms]


async def test_a_hundred_first_calls_make_one_vm(own_server: ServerProcess, http: httpx.AsyncClient) -> None:
    async with AsyncClient(own_server.url) as one, AsyncClient(own_server.url) as two:
        agents = [client.vm.get_or_create(["raced"]) for client in (one, two) for _ in range(50)]
        boots = await asyncio.gather(*(agent.exec("readlink /proc/self/ns/pid") for agent in agents))
    assert len({ran.stdout for ran in boots}) == 1
    assert await states(http, own_server) == [(["raced"], "running")]
    assert len(guests(own_server.pid)) == 1


async def test_a_vm_boots_on_first_use(own_server: ServerProcess, http: httpx.AsyncClient) -> None:
    url = f"{own_server.url}/api/vms"
    made = await http.post(url, json={"name": "vm", "key": "lazy"})
    assert (made.status_code, made.json()["state"]) == (201, "asleep")
    again = await http.post(url, json={"name": "vm", "key": ["lazy"]})
    assert (again.status_code, again.json()) == (200, made.json())
    async with AsyncClient(own_server.url) as client:
        preview = await client.vm.get_or_create("lazy").create_signed_preview_url(3000)
    assert await states(http, own_server) == [(["lazy"], "asleep")]
    assert guests(own_server.pid) == set()
    # A visit to a preview is a first use too.
    visit = await http.get(f"{own_server.url}/fetch/{preview.token}/")
    assert (visit.status_code, visit.json()["code"]) == (502, "port_closed")
    assert await states(http, own_server) == [(["lazy"], "running")]


async def test_keys_tell_vms_apart(make_agent: MakeAgent, client: AsyncClient) -> None:
    first = make_agent()
    base = list(first.key)
    others = [client.vm.get_or_create(key) for key in ("/".join(base), [*base, ""], ["", *base], base[::-1])]
    await first.write_file("mine", "x")
    try:
        for other in others:
            assert not await other.exists("mine")
        assert await client.vm.get_or_create(base).exists("mine")
    finally:
        for other in others:
            await other.destroy()


async def test_destroying_frees_the_key_and_ends_everything(
    own_server: ServerProcess, http: httpx.AsyncClient
) -> None:
    async with AsyncClient(own_server.url) as client:
        agent = client.vm.get_or_create("doomed")
        await start_service(agent, 3000)
        await agent.exec("mkdir -p a/b/c; touch a/b/c/d; chmod 000 a/b; sleep 1000 & setsid sleep 1000 &")
        running = guests(own_server.pid)
        folders = set((own_server.data_dir / "vms").iterdir())
        assert len(running) >= 4
        assert len(folders) == 1
        begun = asyncio.Event()
        hanging = asyncio.ensure_future(agent.exec("echo begun; sleep 1000", on_stdout=lambda _: begun.set()))
        await begun.wait()
        await agent.destroy()
        assert not any(process.runs for process in running)
        assert (await hanging).signal == signal.SIGKILL
        assert await states(http, own_server) == []
        wait_until(lambda: not any(folder.exists() for folder in folders), "the files are gone")
        # The key is free: what comes now is another VM.
        assert (await agent.exec("ls -A")).stdout == ""
        assert (await refusal_of(agent.vm_fetch(3000, "/"))).code == "port_closed"
        assert len(await states(http, own_server)) == 1


async def test_a_vm_does_not_die_of_its_own_processes(agent: Agent) -> None:
    await agent.write_file("/tmp/kept", "x")  # gone with the VM's end, as all of /tmp
    await agent.exec("kill -9 1; kill -9 -1")
    assert await agent.read_file("/tmp/kept") == b"x"


async def test_a_vm_that_died_is_told_and_comes_back_with_its_files(own_server: ServerProcess) -> None:
    async with AsyncClient(own_server.url) as client:
        agent = client.vm.get_or_create("dying")
        await agent.write_file("kept", "x")
        process = await agent.spawn("sleep", ["1000"])
        begun = asyncio.Event()
        running = asyncio.ensure_future(
            agent.exec("echo begun; exec sleep 1000", on_stdout=lambda _: begun.set())
        )
        waiting = asyncio.ensure_future(agent.wait_process(process.pid))
        await begun.wait()
        inside = guests(own_server.pid)
        for each in inside:  # its PID 1 among them, with which the others go
            with contextlib.suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
        assert (await running).signal == signal.SIGKILL
        assert await waiting == 128 + signal.SIGKILL

        async def is_back() -> bool:
            try:
                return await agent.read_file("kept") == b"x"
            except Unavailable as refusal:
                # Its PID 1 may be the last to go.
                if refusal.code != "vm_stopped":
                    raise
                return False

        await eventually(is_back, "the VM has booted again")
        assert not guests(own_server.pid) & inside


async def test_sigterm_stops_and_leaves_nothing(tmp_path: Path, http: httpx.AsyncClient) -> None:
    with ServerProcess(tmp_path) as server:
        below = await _busy(server)
        assert len(below) >= 4
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("busy-0")
            preview = await agent.create_signed_preview_url(3000)
            # What would go on for ever holds nothing up: a stream, a WebSocket, a command, a wait.
            uri = f"ws://localhost:{server.port}/fetch/{preview.token}/socket"
            socket = await connect(uri, host="127.0.0.1", proxy=None)
            endless = asyncio.ensure_future(agent.exec("sleep 1000"))
            waiting = asyncio.ensure_future(agent.wait_process((await agent.list_processes())[-1].pid))
            async with http.stream("GET", f"{server.url}/fetch/{preview.token}/events") as stream:
                events = stream.aiter_raw()
                assert await anext(events) == b"data: first\n\n"
                assert await asyncio.to_thread(server.terminate) == 0
                with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                    await anext(events)
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), BOUND_SECONDS)
            for result in await asyncio.gather(endless, waiting, return_exceptions=True):
                # The end of the VM is told while there is time, or else the connection is lost.
                assert not isinstance(result, Exception) or isinstance(result, HatchwayError)
        assert list(server.runtime_dir.iterdir()) == []
    assert not any(process.runs for process in below)
    assert b"Traceback" not in server.output
    assert b"stopping" in server.output


def test_killing_the_server_leaves_no_guest(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        below = asyncio.run(_busy(server))
        server.kill()
    wait_until(lambda: not any(process.runs for process in below), "every guest process is gone")
    with ServerProcess(tmp_path) as again:
        asyncio.run(_still_there(again))
        assert again.terminate() == 0


async def _busy(server: ServerProcess) -> set[HostProcess]:
    """A server with two VMs, services, background processes and requests under way; all below it."""
    async with AsyncClient(server.url) as client:
        agents = [client.vm.get_or_create(f"busy-{number}") for number in range(2)]
        for agent in agents:
            await agent.write_file("kept", "x")
            await start_service(agent, 3000)
            await agent.exec("setsid sleep 1000 & trap '' TERM; (trap '' TERM HUP; sleep 1000) &")
        hanging = asyncio.ensure_future(agents[0].exec("sleep 1000"))

        async def hangs() -> bool:
            return "sleep 1000" in (await agents[0].exec("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).stdout

        await eventually(hangs, "a command runs")
        below = descendants(server.pid)
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
    return below


async def _still_there(server: ServerProcess) -> None:
    async with AsyncClient(server.url) as client:
        agent = client.vm.get_or_create("busy-0")
        assert await agent.read_file("kept") == b"x"
        assert (await agent.exec("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).stdout.count("sleep") == 0
        await agent.spawn("node", ["/home/user/zoo.js", "3000", "again", "127.0.0.1"])
        await wait_for_port(agent, 3000)
        assert (await agent.vm_fetch(3000, "/")).text == "again"


async def test_an_upload_under_way_when_the_server_is_killed_leaves_nothing(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("upload")
            await agent.write_file("file", "old")

            async def endless() -> AsyncIterator[bytes]:
                while True:
                    yield b"n" * 65536
                    await asyncio.sleep(0)

            writing = asyncio.ensure_future(agent.write_file("file", endless()))

            async def begun() -> bool:
                return (await agent.exec("ls -A")).stdout != "file\n"

            await eventually(begun, "the upload has begun")
            server.kill()
            assert (await refusal_of(writing)).code in {"connection_lost", "server_unreachable"}
    with ServerProcess(tmp_path) as again:
        async with AsyncClient(again.url) as client:
            agent = client.vm.get_or_create("upload")
            assert await agent.read_file("file") == b"old"
            assert (await agent.exec("ls -A")).stdout == "file\n"


async def test_destroying_cuts_what_is_open_into_the_vm(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    await start_service(agent, 3000)
    preview = await agent.create_signed_preview_url(3000)
    base = f"localhost:{server.port}/fetch/{preview.token}"
    socket = await connect(f"ws://{base}/socket", host="127.0.0.1", proxy=None)
    async with http.stream("GET", f"http://{base}/events") as stream:
        events = stream.aiter_raw()
        assert await anext(events) == b"data: first\n\n"
        await agent.destroy()
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await anext(events)
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(socket.recv(), BOUND_SECONDS)
    assert (await http.get(f"http://{base}/")).status_code == 403


def test_a_second_server_on_the_same_data_is_refused(own_server: ServerProcess) -> None:
    second = run_command("serve", "--port", "0", "--data-dir", str(own_server.data_dir))
    assert second.returncode == 1
    assert second.stdout == b""
    said = second.stderr.decode()
    assert said.startswith("error: ")
    assert "hint: " in said
    assert "in use" in said or "another" in said
    assert "Traceback" not in said
    # The first is none the worse for it.
    assert httpx.get(f"{own_server.url}/api/vms", trust_env=False).status_code == 200


def test_a_second_server_on_the_same_port_is_refused(own_server: ServerProcess, tmp_path: Path) -> None:
    other = tmp_path / "other"
    second = run_command("serve", "--port", str(own_server.port), "--data-dir", str(other))
    assert second.returncode == 1
    said = second.stderr.decode()
    assert f"port {own_server.port}" in said
    assert "--port" in said
    assert "Traceback" not in said
