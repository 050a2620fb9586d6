"""One HTTP request to a service in a VM, over a connection of its own: HTTP/1.1 by h11.

Redirects are not followed and encodings left as they are. What the service sends is a guest's: its head is bounded, and
so is its body.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import h11

from hatchway.errors import HatchwayError, InvalidRequest

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest body that one answer holds."""
_READ_BYTES = 16 * 1024
"""So little that what it may be made of, chunks of one byte, takes no other task's turn for long."""


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """What is asked of a service."""

    method: str
    target: str = field(repr=False)
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What it answered."""

    status: int
    reason: str
    headers: list[tuple[str, str]] = field(repr=False)
    """In order, as they came; names in lower case."""
    body: bytes = field(repr=False)


async def fetch(sock: socket.socket, port: int, request: ServiceRequest) -> ServiceAnswer:
    """Send a request and read its answer.

    Args:
        sock: connected and non-blocking; the caller closes it.
        port: the service's.
        request: what to send.

    Raises:
        InvalidRequest: `invalid_header`.
        HatchwayError: `bad_answer`: it is not HTTP, or broke off; `answer_too_large`.
    """
    loop = asyncio.get_running_loop()
    connection = h11.Connection(h11.CLIENT)
    length = [("Content-Length", str(len(request.body)))] if request.body or _has_body(request.method) else []
    fields = [("Host", f"localhost:{port}"), *request.headers, *length, ("Connection", "close")]
    head = [(name.encode(), _as_bytes(name, value)) for name, value in fields]
    try:
        sent = connection.send(h11.Request(method=request.method, target=request.target, headers=head))
        sent += connection.send(h11.Data(request.body)) if request.body else b""
        sent += connection.send(h11.EndOfMessage())
        receiving = asyncio.ensure_future(_receive(connection, sock))
        try:
            # A service may answer, and stop reading, before it has the whole body.
            await _send(loop, sock, sent, receiving)
            return await receiving
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
    except h11.ProtocolError:
        raise _bad_answer("what it sent is not HTTP/1.1") from None
    except OSError:
        raise _bad_answer("it broke the connection off") from None


async def _send(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, data: bytes, answer: asyncio.Future[ServiceAnswer]
) -> None:
    sending = asyncio.ensure_future(loop.sock_sendall(sock, data))
    try:
        waiting: set[asyncio.Future[Any]] = {sending, answer}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _receive(connection: h11.Connection, sock: socket.socket) -> ServiceAnswer:
    head: h11.Response | None = None
    body = bytearray()
    async for event in _events(connection, sock):
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise HatchwayError(
                    "answer_too_large",
                    f"an answer holds at most {MAX_BODY_BYTES} bytes",
                    "fetch it through a preview, which has no limit",
                    status=502,
                )
    assert head is not None  # h11 has none of a message end before it
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
    return ServiceAnswer(head.status_code, head.reason.decode("latin-1"), headers, bytes(body))


async def _events(connection: h11.Connection, sock: socket.socket) -> AsyncIterator[h11.Response | h11.Data]:
    """The parts of the answer, to its end."""
    loop = asyncio.get_running_loop()
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            await asyncio.sleep(0)  # what is there already is received without waiting
            connection.receive_data(await loop.sock_recv(sock, _READ_BYTES))
        elif isinstance(event, (h11.Response, h11.Data)):
            yield event
        elif not isinstance(event, h11.InformationalResponse):
            raise _bad_answer("it switched to another protocol, or closed the connection")


def _as_bytes(name: str, value: str) -> bytes:
    """The value of a header: a byte for each character, as in JavaScript (https://fetch.spec.whatwg.org/#headers-class)."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise InvalidRequest(
            "invalid_header", f"the value of the header {name} has a character above U+00FF"
        ) from None


def _has_body(method: str) -> bool:
    """Whether a request by this method says how long its body is also where it is empty (RFC 9110 section 8.6)."""
    return method in {"POST", "PUT", "PATCH"}


def _bad_answer(why: str) -> HatchwayError:
    return HatchwayError("bad_answer", f"the service did not answer: {why}", "look at its output", status=502)
