"""Many live streams under one preview, opened and watched by plain sockets and epoll.

There are five kinds, in equal numbers: server-sent events, downloads that the service sends slowly, downloads that the
client does not read, uploads under way, and WebSockets. `services/streams.js` is the other end.
"""

from __future__ import annotations

import fcntl
import select
import socket
import sys
import termios
import time
from collections.abc import Sequence
from typing import NamedTuple

KINDS = ("events", "slow", "fast", "upload", "websocket")
HALF = 64 * 1024
"""Half of an upload, in bytes: what is sent of it at first."""
MUCH = 1 << 20
"""More than a client that did not read has waiting in its own buffer, in bytes."""

_CLOSED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_SECONDS = 30.0
_RECEIVE_BUFFER = 64 * 1024
_BATCH = 100
_REQUESTS = {
    "events": "GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "slow": "GET /slow HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "fast": "GET /fast HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "upload": "POST /upload HTTP/1.1\r\nHost: {host}\r\nContent-Length: "
    + str(2 * HALF)
    + "\r\nExpect: 100-continue\r\n\r\n",
    "websocket": "GET /socket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
}
_STATUS = {"upload": b"HTTP/1.1 100 ", "websocket": b"HTTP/1.1 101 "}
_POLICY_VIOLATION = b"\x88", (1008).to_bytes(2, "big")


class Stream(NamedTuple):
    """One live stream."""

    kind: str
    sock: socket.socket


class Ending(NamedTuple):
    """How the end of a grant was seen; times in seconds by CLOCK_MONOTONIC."""

    asked: float
    """The request to end it was sent."""
    answered: float
    """Its answer had come."""
    last_closed: float
    """The last of the streams was closed."""


def open_streams(port: int, host: str, count: int) -> list[Stream]:
    """Open `count` streams, and return when the service serves every one of them.

    Args:
        port: of the server.
        host: names the preview.
        count: how many, of all kinds together.

    Raises:
        SystemExit: one was refused.
    """
    streams: list[Stream] = []
    while len(streams) < count:
        numbers = range(len(streams), min(count, len(streams) + _BATCH))
        batch = [_ask(port, host, KINDS[number % len(KINDS)]) for number in numbers]
        for stream in batch:
            _wait_for_service(stream)
        streams += batch
    return streams


def _ask(port: int, host: str, kind: str) -> Stream:
    sock = socket.socket()
    sock.settimeout(_SECONDS)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)  # before connect(2): tcp(7)
    sock.connect(("127.0.0.1", port))
    sock.sendall(_REQUESTS[kind].format(host=host).encode())
    return Stream(kind, sock)


def _wait_for_service(stream: Stream) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        # No more than the head: what a client leaves unread belongs to a stream of the kind "fast".
        more = stream.sock.recv(65536 if stream.kind != "fast" else 1)
        if not more:
            raise SystemExit(f"a stream of the kind {stream.kind} ended after {head!r}")
        head += more
    if not head.startswith(_STATUS.get(stream.kind, b"HTTP/1.1 200 ")):
        raise SystemExit(f"a stream of the kind {stream.kind} was refused: {head!r}")
    if stream.kind == "upload":
        stream.sock.sendall(bytes(HALF))


class Watch:
    """Sees when streams are closed: by the kernel's word, without reading from them.

    Args:
        streams: what is watched, from now on.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._open = {stream.sock.fileno() for stream in streams}
        self._epoll = select.epoll()
        for descriptor in self._open:
            # Edge-triggered, and not for data: the streams' traffic wakes nobody here.
            self._epoll.register(descriptor, _CLOSED | select.EPOLLET)
        self._size = len(self._open) + 1

    def closed(self) -> int:
        """How many have been closed since this was asked last."""
        return len(self._epoll.poll(0, self._size))

    def until_closed(self, control: socket.socket, request: bytes) -> Ending:
        """Ask for the end of the grant, and wait until all streams are closed.

        Args:
            control: a connection to the control API, without anything unread.
            request: is answered with a body that ends in `}`.

        Raises:
            SystemExit: it was not answered with 200, or not all streams were closed within half a minute.
        """
        answer, answered, last_closed = b"", 0.0, 0.0
        left, epoll, now = set(self._open), self._epoll, time.monotonic
        epoll.register(control.fileno(), select.EPOLLIN)
        asked = now()
        control.sendall(request)
        while left or not answered:
            events = epoll.poll(_SECONDS, self._size)
            seen = now()
            if not events:
                raise SystemExit(f"{len(left)} streams were open {_SECONDS:g} seconds after the grant's end")
            for descriptor, _ in events:
                if descriptor in left:
                    left.remove(descriptor)
                    last_closed = seen
            if not answered and any(descriptor == control.fileno() for descriptor, _ in events):
                answer += control.recv(65536)
                if answer.endswith(b"}"):
                    answered = seen
        epoll.unregister(control.fileno())
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"the end of the grant was answered with {answer!r}")
        return Ending(asked, answered, last_closed)

    def end(self) -> None:
        """Watch no more."""
        self._epoll.close()


def count_told(streams: Sequence[Stream]) -> int:
    """How many WebSockets of those that were closed were told why, by a close frame with code 1008."""
    told = 0
    for stream in streams:
        if stream.kind == "websocket":
            received = bytearray()
            while more := stream.sock.recv(65536):
                received += more
            opcode, code = _POLICY_VIOLATION
            told += received.rpartition(opcode)[2][1:3] == code
    return told


def count_alive(streams: Sequence[Stream]) -> int:
    """How many of the streams still work: new data comes, or an upload can be finished."""
    alive = 0
    for stream in streams:
        sock = stream.sock
        if stream.kind == "upload":
            sock.sendall(bytes(HALF))
            answer = b""
            while not answer.endswith(str(2 * HALF).encode()):
                more = sock.recv(65536)
                if not more:
                    break
                answer += more
            alive += answer.startswith(b"HTTP/1.1 200 ")
            continue
        left = MUCH if stream.kind == "fast" else _waiting(sock) + 1
        while left > 0 and (more := sock.recv(65536)):
            left -= len(more)
        alive += left <= 0
    return alive


def _waiting(sock: socket.socket) -> int:
    """How many bytes have come that were not read (tcp(7), SIOCINQ)."""
    return int.from_bytes(fcntl.ioctl(sock, termios.FIONREAD, bytes(4)), sys.byteorder)
