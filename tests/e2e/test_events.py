"""Events and shells across lost connections, restarts and idle times; and who may follow a VM at all."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from e2e.conftest import HARDLY_WAITS
from e2e.server_process import ServerProcess
from e2e.waiting import eventually
from hatchway import Agent, AsyncClient, ConnectionFailed, HatchwayError, NotFound
from hatchway.client import Event

pytestmark = pytest.mark.sandbox


class Relay:
    """A network between client and server, which a test cuts."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.is_cut = False
        self.connections = 0

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.url = f"http://localhost:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.is_cut:
            writer.transport.abort()
            return
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, ours}
        await asyncio.gather(_copy(reader, ours), _copy(theirs, writer))
        self._writers -= {writer, ours}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def relay(server: ServerProcess) -> AsyncIterator[Relay]:
    async with Relay(server.port) as made:
        yield made


async def test_nothing_is_missed_when_the_connection_breaks(agent: Agent, relay: Relay) -> None:
    async with AsyncClient(relay.url) as client:
        there = client.vm.get_or_create(agent.key)
        async with there.events(kinds=["process_output"]) as events:
            program = "i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); sleep 0.002; done"
            process = await agent.spawn("sh", ["-c", program])
            printed, cuts = b"", 0
            while not printed.endswith(b"\n299\n"):
                event = await anext(events)
                assert event.kind == "process_output"
                printed += event.data
                if len(printed.split()) > 60 * (cuts + 1):
                    relay.cut()
                    cuts += 1
            assert cuts >= 3
            assert relay.connections > cuts
    assert printed.decode().split() == [str(number) for number in range(300)]
    assert await process.wait() == 0


async def test_a_shell_goes_on_when_its_connection_breaks(agent: Agent, relay: Relay) -> None:
    async with AsyncClient(relay.url) as client:
        there = client.vm.get_or_create(agent.key)
        async with await there.open_shell("sh", env={"PS1": "ready> "}) as shell:
            shown = b""
            while not shown.endswith(b"ready> "):
                shown += await anext(shell)
            for number in range(3):
                connections, reading = relay.connections, asyncio.ensure_future(anext(shell))
                relay.cut()

                async def is_there_again(before: int = connections) -> bool:
                    return relay.connections > before

                await eventually(is_there_again, "the client connects again")
                await shell.write(f"echo $((40 + {number}))\n")
                shown = await reading
                while not shown.endswith(b"ready> "):
                    shown += await anext(shell)
                assert f"\r\n{40 + number}\r\n".encode() in shown
            await shell.write("exit 3\n")
            async for _data in shell:
                pass
            assert shell.exit_code == 3


async def test_a_server_that_stays_away_is_not_waited_for_without_end(agent: Agent, relay: Relay) -> None:
    async with AsyncClient(relay.url) as client:
        there = client.vm.get_or_create(agent.key)
        async with there.events(reconnect_seconds=0.3) as events:
            relay.is_cut = True
            relay.cut()
            began = time.monotonic()
            with pytest.raises(ConnectionFailed):
                await anext(events)
            assert 0 < time.monotonic() - began < 5


async def test_a_restart_of_the_server_is_told(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, *HARDLY_WAITS) as server:
        port = server.port
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("kept")
            shell = await agent.open_shell("sleep", ["1000"])
            async with agent.events("start") as events:
                assert (await anext(events)).kind == "vm_booted"
                server.kill()
                with ServerProcess(tmp_path, "--port", str(port)):
                    event = await anext(events)
                    assert (event.kind, event["count"]) == ("missed", None)
                    await agent.wake()
                    assert (await anext(events)).kind == "vm_booted"
                    with pytest.raises(NotFound) as caught:
                        async for _data in shell:
                            pass
                    assert caught.value.code == "shell_not_found"
                    await shell.close()


async def test_only_an_open_shell_keeps_its_vm_awake(agent: Agent) -> None:
    await agent.set_idle(pause_after=0.2, sleep_after=None)

    async def is_paused() -> bool:
        return (await agent.info()).state == "paused"

    async with agent.events() as events:
        shell = await agent.open_shell("sh")
        assert (await anext(events)).kind == "vm_booted"
        seen: list[Event] = []
        printed = await agent.spawn("sh", ["-c", "sleep 1; echo awake"])
        while not seen or seen[-1].kind != "process_exit":
            seen.append(await anext(events))
        assert seen[-1]["pid"] == printed.pid
        assert "vm_paused" not in {event.kind for event in seen}
        await shell.close()
        await eventually(is_paused, "the VM is paused although it is followed")
        assert await agent.list_shells() == [], "to ask wakes nobody"
        assert await is_paused()


async def test_no_page_of_a_foreign_name_may_either(server: ServerProcess, vm_path: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://evil.example:{server.port}{vm_path}/events", host="127.0.0.1", proxy=None)
    answer = caught.value.response
    assert (answer.status_code, json.loads(answer.body or b"")["code"]) == (403, "unknown_host")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "http://evil.example"}, "cross_site"),
        ({"Origin": "null"}, "cross_site"),
        ({"Origin": "http://0123456789abcdef0123456789abcdef.localhost:6420"}, "cross_site"),
        ({"Sec-Fetch-Site": "cross-site"}, "cross_site"),
        ({"Sec-Fetch-Site": "same-site"}, "cross_site"),
    ],
    ids=["origin", "null", "preview", "fetch", "same-site"],
)
async def test_no_page_may_follow_a_vm(
    server: ServerProcess, vm_path: str, headers: dict[str, str], code: str
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://127.0.0.1:{server.port}{vm_path}/events", additional_headers=headers)
    answer = caught.value.response
    assert (answer.status_code, json.loads(answer.body or b"")["code"]) == (403, code)


async def test_the_api_token_is_asked_for(tmp_path: Path) -> None:
    token = "t0ken-of-the-test"
    with ServerProcess(tmp_path, *HARDLY_WAITS, environment={"HATCHWAY_TOKEN": token}) as server:
        async with AsyncClient(server.url, token=token) as client:
            agent = client.vm.get_or_create("own")
            async with agent.events() as events:
                await agent.wake()
                assert (await anext(events)).kind == "vm_booted"
                place = f"ws://localhost:{server.port}{events.place}/events"
                with pytest.raises(InvalidStatus) as caught:
                    await connect(place)
                assert caught.value.response.status_code == 401
        async with AsyncClient(server.url, token="wrong") as client:
            with pytest.raises(HatchwayError) as refused:
                async with client.vm.get_or_create("own").events():
                    pass
            assert refused.value.code == "unauthorized"
        assert token.encode() not in server.output


async def test_a_server_that_stops_closes_what_follows(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, *HARDLY_WAITS) as server:
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("own")
            shell = await agent.open_shell("sh", reconnect_seconds=0)
            async with agent.events(reconnect_seconds=0) as events:
                await agent.exec("true")
                began = time.monotonic()
                assert server.terminate() == 0
                assert time.monotonic() - began < 5
                with pytest.raises(ConnectionFailed):
                    async for _event in events:
                        pass
            with pytest.raises(ConnectionFailed):
                await shell.close()


async def test_followers_leave_nothing_in_the_server(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, *HARDLY_WAITS) as server:

        def open_files() -> int:
            return len(os.listdir(f"/proc/{server.pid}/fd"))

        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("own")
            await agent.wake()
            before: list[int] = []
            for _ in range(3):
                async with agent.events():
                    shells = [await agent.open_shell("cat") for _ in range(5)]
                    await asyncio.gather(*(shell.close() for shell in shells))
                before.append(open_files())

            async def as_before() -> bool:
                return open_files() <= before[0]

            await eventually(as_before, "the server has let go of all of it")
