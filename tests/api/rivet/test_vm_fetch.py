"""One request to a service, on real sockets: services that behave, and services that do not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.rivet import vm_fetch
from hatchway.api.rivet.vm_fetch import ServiceAnswer, ServiceRequest, fetch
from hatchway.client.fetch_request import fetch_headers, fetch_method, fetch_target
from hatchway.errors import HatchwayError, InvalidRequest

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GET = ServiceRequest("GET", "/a?b", [], b"")


class Service:
    """Answers each connection by a script; `ended` is set when the connection has."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked = asyncio.Event()
        self.ended = asyncio.Event()
        self.failure: Exception | None = None

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._script(reader, writer)
        except OSError:
            pass  # the other side has gone
        except Exception as error:  # noqa: BLE001 - told to the test
            self.failure = error
        finally:
            writer.close()
            self.ended.set()

    async def stop(self) -> None:
        self._server.close()
        await asyncio.wait_for(self.ended.wait(), 10)
        assert self.failure is None


def left_of(before: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """The tasks there are since, but for those of the services."""
    services = ("Service._serve", "_accept_connection2")
    return [task for task in asyncio.all_tasks() - before if not any(each in repr(task) for each in services)]


Fetch = Callable[..., Awaitable[ServiceAnswer]]


@pytest.fixture
async def ask() -> AsyncIterator[Fetch]:
    services: list[Service] = []

    async def ask(script: Script, request: ServiceRequest = GET) -> ServiceAnswer:
        service = Service(script)
        services.append(service)
        port = await service.start()
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.setblocking(False)
            before = asyncio.all_tasks()
            try:
                return await asyncio.wait_for(fetch(sock, 3000, request), 30)
            finally:
                own = left_of(before)
                assert own == []

    yield ask
    for service in services:
        await service.stop()


def answering(*pieces: bytes, heads: list[bytes] | None = None, hold: bool = False) -> Script:
    """Read a head, write the pieces one by one, and close; `hold` only when the client has gone."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heads is not None:
            heads.append(head)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if hold:
            await reader.read()

    return script


async def refused(answer: Awaitable[object], code: str = "bad_answer") -> HatchwayError:
    with pytest.raises(HatchwayError) as caught:
        await answer
    assert (caught.value.code, caught.value.status) == (code, 502)
    return caught.value


@pytest.mark.parametrize(
    ("wire", "body", "hold"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: t\r\n\r\n",
            b"hello",
            True,
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", b"hello", False),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n", b"hello", True),
        (
            (
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
            ),
            b"x",
            True,
        ),
    ],
    ids=["length", "empty", "chunked", "until close", "1.0", "more than asked", "1xx"],
)
async def test_answers_whole_and_byte_by_byte(ask: Fetch, wire: bytes, body: bytes, hold: bool) -> None:
    for pieces in ([wire], [wire[at : at + 1] for at in range(len(wire))]):
        answer = await ask(answering(*pieces, hold=hold))
        assert (answer.status, answer.reason, answer.body) == (200, "OK", body)


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_body(ask: Fetch, status: int) -> None:
    answer = await ask(answering(b"HTTP/1.1 %d X\r\nContent-Length: 9\r\n\r\n" % status, hold=True))
    assert (answer.status, answer.body) == (status, b"")


async def test_the_answer_to_head_has_no_body(ask: Fetch) -> None:
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
    answer = await ask(answering(wire, hold=True), ServiceRequest("HEAD", "/", [], b""))
    assert (answer.headers, answer.body) == ([("content-length", "99")], b"")


async def test_a_redirect_is_not_followed_and_no_encoding_undone(ask: Fetch) -> None:
    wire = b"HTTP/1.1 302 \xe9\r\nLocation: /b\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"
    answer = await ask(answering(wire))
    assert (answer.status, answer.reason, answer.body) == (302, "é", b"x")


async def test_headers_come_as_they_are(ask: Fetch) -> None:
    wire = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-\xff: no\r\n\r\n"
    await refused(ask(answering(wire)))
    wire = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-Y: \xe9\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n"
    answer = await ask(answering(wire))
    assert answer.headers == [
        ("set-cookie", "a=1"),
        ("x-y", "é"),
        ("set-cookie", "b=2"),
        ("content-length", "0"),
    ]
    assert "a=1" not in repr(answer)


async def test_what_is_sent(ask: Fetch) -> None:
    heads: list[bytes] = []
    script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", heads=heads)
    await ask(script, ServiceRequest("GET", "/a?b=%20", [("X-A", "1"), ("x-a", "\xe9")], b""))
    assert heads.pop() == (
        b"GET /a?b=%20 HTTP/1.1\r\nHost: localhost:3000\r\nX-A: 1\r\nx-a: \xe9\r\nConnection: close\r\n\r\n"
    )
    await ask(script, ServiceRequest("POST", "/", [], b""))
    assert b"\r\nContent-Length: 0\r\n" in heads.pop()
    await ask(script, ServiceRequest("DELETE", "/", [], b"xy"))
    assert b"\r\nContent-Length: 2\r\n" in heads.pop()


async def test_a_large_body_is_sent_whole(ask: Fetch) -> None:
    body = b"0123456789abcdef" * 200_000

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        received = await reader.readexactly(len(body))
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + (b"same" if received == body else b"else")
        )

    assert (await ask(script, ServiceRequest("POST", "/", [], body))).body == b"same"


async def test_a_service_may_answer_before_it_has_the_body(ask: Fetch) -> None:
    """It reads no more, and holds the connection until the client has gone."""
    wire = b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno"
    gone = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(wire)
        await writer.drain()
        await gone.wait()

    answer = await ask(script, ServiceRequest("POST", "/", [], bytes(8_000_000)))
    gone.set()
    assert (answer.status, answer.body) == (413, b"no")


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"garbage\r\n\r\n",
        b"\0" * 100,
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 999 OK\r\nNo colon\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nbytes",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000,
    ],
    ids=range(16),
)
async def test_what_is_no_answer(ask: Fetch, wire: bytes) -> None:
    error = await refused(ask(answering(wire)))
    assert error.message.startswith("the service did not answer: ")


async def test_a_connection_that_is_reset(ask: Fetch) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    await refused(ask(script, ServiceRequest("POST", "/", [], bytes(1_000_000))))


def flood(first: bytes, piece: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        while True:
            writer.write(piece * 1000)
            await writer.drain()

    return script


async def test_a_head_without_end(ask: Fetch) -> None:
    await refused(ask(flood(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n")))
    await refused(ask(flood(b"", b"HTTP")))


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", b"x" * 100),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n"),
    ],
    ids=["until close", "length", "chunked"],
)
async def test_a_body_without_end(
    ask: Fetch, monkeypatch: pytest.MonkeyPatch, first: bytes, piece: bytes
) -> None:
    monkeypatch.setattr(vm_fetch, "MAX_BODY_BYTES", 300_000)
    await refused(ask(flood(first, piece)), "answer_too_large")


async def test_a_body_of_just_the_size(ask: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vm_fetch, "MAX_BODY_BYTES", 10)
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
    assert len((await ask(answering(wire % (10, b"x" * 10)))).body) == 10
    await refused(ask(answering(wire % (11, b"x" * 11))), "answer_too_large")


async def test_a_flood_of_tiny_chunks_leaves_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is there already, so that nothing has to be waited for."""
    assert vm_fetch._READ_BYTES <= 16 * 1024
    monkeypatch.setattr(vm_fetch, "_READ_BYTES", 1024)
    ours, service = socket.socketpair()
    with ours, service:
        for sock in (ours, service):
            sock.setblocking(False)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = head + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
        turns: list[int] = []
        service.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 200_000)
        assert service.send(chunks) == len(chunks)
        fetching = asyncio.ensure_future(fetch(ours, 3000, GET))
        while not fetching.done():
            turns.append(1)
            await asyncio.sleep(0)
        assert fetching.result().body == b"x" * 20_000
    assert len(turns) > len(chunks) // 1024


@pytest.mark.parametrize("body", [b"", bytes(8_000_000)], ids=["while it waits", "while it sends"])
async def test_a_call_that_is_cancelled_leaves_nothing(body: bytes) -> None:
    asked = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        if not body:
            assert await reader.read() == b""

    before = asyncio.all_tasks()
    held = asyncio.Event()

    async def holding(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await script(reader, writer)
        await held.wait()

    service = Service(holding if body else script)
    port = await service.start()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setblocking(False)
        fetching = asyncio.ensure_future(fetch(sock, 3000, ServiceRequest("POST", "/", [], body)))
        await asyncio.wait_for(asked.wait(), 10)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert left_of(before) == []
        assert sock.fileno() >= 0  # its owner closes it
    held.set()
    await service.stop()


@given(
    method=st.text(st.characters(), max_size=6) | st.sampled_from(["CONNECT", "head", "TRACE"]),
    url=st.text(st.characters(), max_size=20),
    headers=st.dictionaries(
        st.sampled_from(["Host", "Expect", "Connection", "Content-Length", "Transfer-Encoding", "A"])
        | st.text(st.characters(), max_size=5),
        st.text(st.characters(), max_size=10),
        max_size=4,
    ),
    body=st.binary(max_size=5),
)
def test_what_a_client_asks_for_is_refused_or_sent(
    method: str, url: str, headers: dict[str, str], body: bytes
) -> None:
    try:
        request = ServiceRequest(
            fetch_method(method), fetch_target(url), fetch_headers(headers, has_length=True), body
        )
    except InvalidRequest:
        return

    async def ask() -> None:
        ours, service = socket.socketpair()
        with ours, service:
            ours.setblocking(False)
            service.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
            assert (await fetch(ours, 3000, request)).status == 404
            head, _, sent = service.recv(100_000).partition(b"\r\n\r\n")
            assert sent == body
            names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
            for name in (b"host", b"connection"):
                assert names.count(name) == 1
            assert names.count(b"content-length") <= 1
            assert b"transfer-encoding" not in names

    sent = [value for name, value in request.headers]
    if any(character > "\xff" for value in sent for character in value):
        with pytest.raises(InvalidRequest, match="above U"):
            asyncio.run(ask())
    else:
        asyncio.run(ask())


def test_no_secret_in_a_repr() -> None:
    request: Any = ServiceRequest("GET", "/?s3cret", [("Authorization", "s3cret")], b"s3cret")
    assert "s3cret" not in repr(request)
