"""Events over a WebSocket, on the control API's own server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from e2e.waiting import eventually
from hatchway.api.event_actions import MAX_WAITING_BYTES
from hatchway.api.event_schemas import message
from hatchway.api.events import MAX_MESSAGE_BYTES
from hatchway.client.event_answers import Event as ClientEvent
from hatchway.client.event_stream import parse_message
from hatchway.server.control import ControlServer
from hatchway.vm.event_log import CaughtUp, Event, Missed


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop that a server runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def control(app: Starlette, tmp_path: Path) -> AsyncIterator[ControlServer]:
    server = ControlServer(tmp_path)
    await server.start(app)
    yield server
    await server.stop()


Connect = Callable[..., Any]


@pytest.fixture
def connect(control: ControlServer, vm: str) -> Connect:
    def connect(query: str = "", place: str | None = None) -> Any:
        return unix_connect(control.path, f"ws://localhost{place or vm + '/events'}{query}", compression=None)

    return connect


async def until(condition: Callable[[], object]) -> None:
    async def holds() -> bool:
        return bool(condition())

    await eventually(holds, "it is so")


async def following(socket: ClientConnection) -> None:
    """Read up to what is new."""
    while json.loads(await socket.recv())["event"] != "caught_up":
        pass


def write(shell: str, data: bytes) -> str:
    return json.dumps({"action": "write_shell", "shell_id": shell, "data": base64.b64encode(data).decode()})


@pytest.fixture
async def shell(client: httpx.AsyncClient, vm: str) -> str:
    answer = await client.post(f"{vm}/shells", json={})
    return str(answer.json()["shell_id"])


async def test_without_a_handshake_there_is_a_clear_refusal(
    client: httpx.AsyncClient, vm: str, refused: Any
) -> None:
    answer = await client.get(f"{vm}/events")
    refused(answer, 426, "upgrade_required")
    assert answer.headers["upgrade"] == "websocket"


async def test_events_are_told_as_they_come(connect: Connect, services: Any) -> None:
    log = services.event_log
    log.publish("vm_booted")
    async with connect() as socket:
        assert json.loads(await socket.recv()) == {"cursor": f"{log.epoch}-1", "event": "caught_up"}
        log.publish("process_output", pid=5, stream="stdout", data=b"\xff")
        assert json.loads(await socket.recv()) == {
            "cursor": f"{log.epoch}-2",
            "event": "process_output",
            "at": "1970-01-12T13:46:42.500000Z",
            "pid": 5,
            "stream": "stdout",
            "data": "/w==",
        }


async def test_a_cursor_says_where_to_begin(connect: Connect, services: Any) -> None:
    log = services.event_log
    for pid in range(3):
        log.publish("process_exit", pid=pid, exit_code=0, signal=None)

    async def told(query: str) -> list[Any]:
        async with connect(query) as socket:
            found: list[Any] = []
            while not found or found[-1]["event"] != "caught_up":
                found.append(json.loads(await socket.recv()))
            return [each.get("pid", each["event"]) for each in found]

    assert await told("?cursor=start") == [0, 1, 2, "caught_up"]
    assert await told(f"?cursor={log.epoch}-0") == [0, 1, 2, "caught_up"]
    assert await told(f"?cursor={log.epoch}-2") == [2, "caught_up"]
    assert await told("?cursor=00000000-77") == ["missed", 0, 1, 2, "caught_up"]
    assert await told("?kinds=vm_booted,vm_paused&cursor=start") == ["caught_up"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?cursor=x", 400, "invalid_cursor"),
        ("?cursor=", 400, "invalid_cursor"),
        ("?cursor=00000000-01", 400, "invalid_cursor"),
        ("?cursor={epoch}-1", 400, "invalid_cursor"),
        ("?kinds=", 400, "invalid_kinds"),
        ("?kinds=vm_booted,", 400, "invalid_kinds"),
        ("?kinds=%FF", 400, "invalid_kinds"),
        ("?follow=true", 400, "invalid_query"),
        ("?kinds=%", 400, "invalid_query"),
    ],
)
async def test_refusals_have_their_status(
    connect: Connect, services: Any, query: str, status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(query.format(epoch=services.event_log.epoch))
    answer = caught.value.response
    assert (answer.status_code, json.loads(answer.body or b"")["code"]) == (status, code)


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("/api/vms/zzzzzzzzzzzzzzzzzzzz/events", "vm_not_found"),
        ("/api/vms/X/events", "vm_not_found"),
        ("/api/health", "unknown_action"),
        ("/nothing", "unknown_action"),
    ],
)
async def test_what_has_none(connect: Connect, place: str, code: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect("", place)
    answer = caught.value.response
    assert (answer.status_code, json.loads(answer.body or b"")["code"]) == (404, code)


@pytest.mark.parametrize("key", ["", "Sec-WebSocket-Key: short\r\n"])
async def test_a_handshake_that_is_none_is_refused_in_our_own_words(
    control: ControlServer, vm: str, key: str
) -> None:
    reader, writer = await asyncio.open_unix_connection(control.path)
    writer.write(
        f"GET {vm}/events HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\n{key}\r\n".encode()
    )
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["code"] == "invalid_handshake"


async def test_a_failure_within_is_told_in_one_way(connect: Connect, services: Any) -> None:
    services.refusal = RuntimeError("a secret")
    with pytest.raises(InvalidStatus) as caught:
        await connect()
    body = caught.value.response.body or b""
    assert (caught.value.response.status_code, json.loads(body)["code"]) == (500, "internal_error")
    assert b"secret" not in body


async def test_no_url_is_logged_and_uvicorns_logger_is_left_alone(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with connect("?cursor=start") as socket:
        await following(socket)
    with pytest.raises(InvalidStatus):
        await connect("?cursor=nonsense")
    assert "cursor" not in caplog.text
    assert logging.getLogger("uvicorn.error").level == logging.NOTSET


async def test_shells_are_used_over_it(connect: Connect, services: Any, shell: str) -> None:
    async with connect() as socket:
        await socket.send(write(shell, b"l\xff"))
        await socket.send(write(shell, b"s\r"))
        await socket.send(json.dumps({"action": "resize_shell", "shell_id": shell, "cols": 100, "rows": 30}))
        await socket.send(json.dumps({"action": "close_shell", "shell_id": shell}))
    await until(lambda: services.closed_shells)
    assert services.typed == [(shell, b"l\xff"), (shell, b"s\r")]
    assert services.shell_sizes == [(shell, 100, 30)]
    assert services.closed_shells == [shell]


@pytest.mark.parametrize(
    ("sent", "code", "action"),
    [
        (write("f" * 20, b"x"), "shell_not_found", "write_shell"),
        (write("nonsense", b"x"), "shell_not_found", "write_shell"),
        ('{"action":"close_shell","shell_id":"ffffffffffffffffffff"}', "shell_not_found", "close_shell"),
        ("nonsense", "invalid_message", None),
        ("[" * 100_000, "invalid_message", None),
        ("5", "invalid_message", None),
        ('{"action":"open_shell","shell_id":"1"}', "invalid_message", None),
        ('{"action":"write_shell","shell_id":"1","data":"?"}', "invalid_message", None),
        ('{"action":"resize_shell","shell_id":"1","cols":0,"rows":5}', "invalid_message", None),
        (b"\xff", "invalid_message", None),
    ],
    ids=range(10),
)
async def test_an_action_that_is_refused_leaves_the_connection(
    connect: Connect, services: Any, sent: str | bytes, code: str, action: str | None
) -> None:
    async with connect() as socket:
        await following(socket)
        await socket.send(sent)
        error = json.loads(await socket.recv())
        assert (error["event"], error["error"]["code"], error["action"]) == ("error", code, action)
        services.event_log.publish("vm_booted")
        assert json.loads(await socket.recv())["event"] == "vm_booted"


async def test_a_failure_of_an_action_is_told_without_its_words(
    connect: Connect, services: Any, shell: str
) -> None:
    async with connect() as socket:
        await following(socket)
        services.refusal = RuntimeError("a secret")
        await socket.send(write(shell, b"x"))
        text = str(await socket.recv())
        assert json.loads(text)["error"]["code"] == "internal_error"
        assert "secret" not in text


async def test_a_shell_that_does_not_read_holds_up_nothing_else(
    connect: Connect, services: Any, shell: str
) -> None:
    services.shell_reads.clear()
    piece = b"x" * 100_000
    async with connect() as socket:
        await following(socket)
        sent = 0
        while sent * len(piece) * 4 // 3 <= MAX_WAITING_BYTES:
            await socket.send(write(shell, piece))
            sent += 1
        await socket.send(write(shell, piece))
        error = json.loads(await socket.recv())
        assert (error["error"]["code"], error["shell_id"]) == ("shell_busy", shell)
        await socket.send(json.dumps({"action": "close_shell", "shell_id": shell}))
        services.event_log.publish("shell_exit", shell_id=shell)
        assert json.loads(await socket.recv())["event"] == "shell_exit"
        await until(lambda: services.closed_shells)
        services.shell_reads.set()
        await until(lambda: len(services.typed) == sent)
        await socket.send(write(shell, b"last"))
    await until(lambda: services.typed[-1] == (shell, b"last"))
    assert len(services.typed) == sent + 1


async def test_what_waits_is_called_off_when_its_client_goes(
    connect: Connect, services: Any, shell: str
) -> None:
    services.shell_reads.clear()
    log = services.event_log
    async with connect() as socket:
        await following(socket)
        assert log.is_followed
        await socket.send(write(shell, b"x"))
    await until(lambda: not log.is_followed)
    services.shell_reads.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert services.typed == []


async def test_a_message_may_be_so_long(connect: Connect) -> None:
    async with connect() as socket:
        await following(socket)
        await socket.send("x" * MAX_MESSAGE_BYTES)
        assert json.loads(await socket.recv())["error"]["code"] == "invalid_message"
        with contextlib.suppress(ConnectionClosed):  # which may be known before all is sent
            await socket.send("x" * (MAX_MESSAGE_BYTES + 1))
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


async def test_it_ends_with_the_vm(connect: Connect, services: Any) -> None:
    async with connect() as socket:
        await following(socket)
        services.event_log.publish("vm_shutdown", reason="destroy")
        services.event_log.close()
        assert json.loads(await socket.recv())["reason"] == "destroy"
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1000, "the VM was destroyed")


async def test_a_client_that_does_not_read_costs_no_more_than_what_is_kept(
    connect: Connect, services: Any
) -> None:
    log = services.event_log
    async with connect() as socket:
        await following(socket)
        missed, last = 0, log.last
        for _ in range(200):
            for _ in range(20):
                log.publish("process_output", pid=1, stream="stdout", data=b"x" * 60_000)
            await asyncio.sleep(0)
        end = log.publish("vm_paused")
        while last < end.number:
            told = json.loads(await socket.recv())
            number = int(told["cursor"].partition("-")[2])
            if told["event"] == "missed":
                assert number == last + told["count"]
                missed += told["count"]
            else:
                assert number == last + 1
            last = number
    assert missed > 1000


_TEXT = st.text(st.characters())  # lone surrogates too
_DATA = st.dictionaries(
    st.sampled_from(["pid", "stream", "reason", "data"]),
    st.none() | st.integers(0, 2**31) | _TEXT | st.binary(),
)


@given(number=st.integers(0), at=st.floats(0, 2**32), data=_DATA, raw=st.binary())
def test_the_client_reads_every_message(number: int, at: float, data: dict[str, object], raw: bytes) -> None:
    read = parse_message(message(Event(number, "process_output", at, {**data, "data": raw}), "00ff00ff"))
    assert isinstance(read, ClientEvent)
    assert (read.kind, read.cursor, read.data) == ("process_output", f"00ff00ff-{number}", raw)
    assert read.at is not None
    assert abs(read.at.timestamp() - at) < 1e-5
    for name, value in data.items():
        if name != "data" and not isinstance(value, bytes):
            shown = value.encode(errors="replace").decode() if isinstance(value, str) else value
            assert read[name] == shown
    for told in (CaughtUp(number), Missed(None, number), Missed(3, number)):
        read = parse_message(message(told, "00ff00ff"))
        assert isinstance(read, ClientEvent)
        assert read.cursor == f"00ff00ff-{number}"
