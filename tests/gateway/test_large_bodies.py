"""A gigabyte down and up: whoever reads slowly stops who sends, and the gateway's memory stays flat."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from gateway.conftest import TOKEN
from gateway.gateway_process import GatewayProcess, gateway_process

MEGABYTE = 1 << 20
GROWTH = 8 * MEGABYTE
"""What the gateway's memory may grow by, however much it relays: a few buffers."""
BLOCK = bytes(range(251)) * (MEGABYTE // 251 + 1)
TWICE = memoryview(BLOCK * 2)  # so that every piece of the repeated block is one piece of this

# How a body of so many blocks is framed.
FRAMINGS = {"a length": 1024, "chunks": 512, "the end of the connection": 256}


class Peer:
    """One end of an exchange. Sends or reads blocks, and counts the bytes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.count = 0

    def head(self) -> bytes:
        """The head that comes first; not a byte more is read."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            part = self.sock.recv(1)
            assert part, head
            head += part
        return head

    def pour(self, blocks: int, *, chunked: bool) -> None:
        """Sends a body."""
        for _ in range(blocks):
            if chunked:
                self.sock.sendall(b"%x\r\n" % len(BLOCK))
            self.sock.sendall(BLOCK)
            if chunked:
                self.sock.sendall(b"\r\n")
            self.count += len(BLOCK)
        if chunked:
            self.sock.sendall(b"0\r\n\r\n")

    def drink(self, size: int) -> None:
        """Reads that many bytes of repeated blocks, and looks at each."""
        buffer = memoryview(bytearray(MEGABYTE))
        while self.count < size:
            got = self.sock.recv_into(buffer[: min(MEGABYTE, size - self.count)])
            assert got, f"ended after {self.count} of {size} bytes"
            at = self.count % len(BLOCK)
            assert bytes(buffer[:got]) == bytes(TWICE[at : at + got]), "not what was sent"
            self.count += got

    def drink_chunks(self, size: int) -> None:
        """The same for a chunked body."""
        with self.sock.makefile("rb", MEGABYTE) as stream:
            while length := int(stream.readline(), 16):
                piece = stream.read(length)
                for begin in range(0, length, MEGABYTE):
                    part = piece[begin : begin + MEGABYTE]
                    at = self.count % len(BLOCK)
                    assert part == bytes(TWICE[at : at + len(part)]), "not what was sent"
                    self.count += len(part)
                assert stream.read(2) == b"\r\n"
        assert self.count == size


class Service:
    """Serves one connection, in a thread."""

    def __init__(self, serve: Callable[[Peer], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.peer: Peer | None = None
        self.failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with closing(self._listener), closing(self._listener.accept()[0]) as sock:
            self.peer = Peer(sock)
            try:
                self._serve(self.peer)
            except BaseException as error:  # noqa: BLE001 - the test raises it
                self.failures.append(error)

    @property
    def count(self) -> int:
        """The bytes it sent or read."""
        return self.peer.count if self.peer is not None else 0

    def finish(self) -> None:
        """Waits for its end."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self.failures:
            raise self.failures[0]


@contextmanager
def exchange(service: Service) -> Iterator[tuple[GatewayProcess, Peer]]:
    """A gateway before a service, and a client of it."""
    with (
        gateway_process(service.port, TOKEN) as gateway,
        closing(socket.create_connection(("127.0.0.1", gateway.port), 60)) as sock,
    ):
        yield gateway, Peer(sock)


def settled(measure: Callable[[], int]) -> int:
    """What is measured once it has stopped to move."""
    last, same = -1, 0
    while same < 20:
        time.sleep(0.01)
        now = measure()
        last, same = now, same + 1 if now == last else 0
    return last


def request(line: str, *fields: str) -> bytes:
    return "\r\n".join((line, f"Host: {TOKEN}.localhost", *fields, "", "")).encode()


@pytest.mark.parametrize("framing", FRAMINGS)
def test_down(framing: str) -> None:
    blocks = FRAMINGS[framing]
    size = blocks * len(BLOCK)
    field = {
        "a length": b"Content-Length: %d\r\n" % size,
        "chunks": b"Transfer-Encoding: chunked\r\n",
        "the end of the connection": b"",
    }[framing]

    def serve(peer: Peer) -> None:
        peer.head()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\n" + field + b"\r\n")
        peer.pour(blocks, chunked=framing == "chunks")

    service = Service(serve)
    with exchange(service) as (gateway, client):
        client.sock.sendall(request("GET / HTTP/1.1"))
        head = client.head()
        assert head.startswith(b"HTTP/1.1 200 ")
        before = gateway.memory()
        gateway.forget_peak()
        assert settled(lambda: service.count) < 64 * MEGABYTE  # nobody reads, so nobody sends
        client.drink(size) if framing == "a length" else client.drink_chunks(size)
        service.finish()
        assert gateway.memory("VmHWM") - before < GROWTH


@pytest.mark.parametrize("framing", ["a length", "chunks"])
def test_up(framing: str) -> None:
    blocks = FRAMINGS[framing]
    size = blocks * len(BLOCK)
    read_on = threading.Event()

    def serve(peer: Peer) -> None:
        head = peer.head()
        assert head.startswith(b"POST / HTTP/1.1\r\n")
        read_on.wait(60)
        peer.drink(size) if framing == "a length" else peer.drink_chunks(size)
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nall")

    field = f"Content-Length: {size}" if framing == "a length" else "Transfer-Encoding: chunked"
    service = Service(serve)
    with exchange(service) as (gateway, client):
        client.sock.sendall(request("POST / HTTP/1.1", field))
        while service.peer is None:
            time.sleep(0.001)
        before = gateway.memory()
        gateway.forget_peak()
        sender = threading.Thread(target=client.pour, args=(blocks,), kwargs={"chunked": framing == "chunks"})
        sender.start()
        assert settled(lambda: client.count) < 64 * MEGABYTE
        read_on.set()
        sender.join(60)
        assert client.count == size
        assert client.head().startswith(b"HTTP/1.1 200 ")
        service.finish()
        assert gateway.memory("VmHWM") - before < GROWTH


def test_through_a_tunnel_both_ways_at_once() -> None:
    blocks = 128
    size = blocks * len(BLOCK)

    def serve(peer: Peer) -> None:
        peer.head()
        peer.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n")
        other = Peer(peer.sock)
        sender = threading.Thread(target=other.pour, args=(blocks,), kwargs={"chunked": False})
        sender.start()
        peer.drink(size)
        sender.join(60)

    service = Service(serve)
    with exchange(service) as (gateway, client):
        client.sock.sendall(request("GET / HTTP/1.1", "Connection: upgrade", "Upgrade: raw"))
        assert client.head().startswith(b"HTTP/1.1 101 ")
        before = gateway.memory()
        gateway.forget_peak()
        other = Peer(client.sock)
        sender = threading.Thread(target=other.pour, args=(blocks,), kwargs={"chunked": False})
        sender.start()
        client.drink(size)
        sender.join(60)
        service.finish()
        assert gateway.memory("VmHWM") - before < GROWTH
