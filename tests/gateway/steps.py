"""The steps at which a peer can vanish: each brings one exchange to one step, and leaves it there."""

from __future__ import annotations

import asyncio
import enum
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from gateway.conftest import Client, Rig, until
from gateway.zoo import Conversation, Upstream, ok

MEGABYTE = 1 << 20
UPGRADE = ("Connection: Upgrade", "Upgrade: raw")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"


class Phase(enum.Enum):
    """What a client must get when something else than itself ends."""

    IDLE = "there is nothing to break"
    ASKED = "an error, or the end of its connection"
    ANSWERING = "the visible end of an answer"
    UNTIL_CLOSE = "an answer whose end is the end of its connection"
    TUNNEL = "the end"


def sockets() -> int:
    """How many sockets this process has."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += stat.S_ISSOCK(os.stat(f"/proc/self/fd/{name}").st_mode)
        except FileNotFoundError:
            pass  # the descriptor that lists them
    return count


class Stage:
    """One client, one service and the gateway between them."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.client: Client
        self.go_on = asyncio.Event()
        """Lets go of what a step holds back: a decision, or a connection."""
        self.honest = False
        """Further connections are served."""
        self._conversation: Conversation | None = None

    async def start(self) -> None:
        """The service: silent for its first connection, honest for all others."""
        self.upstream: Upstream = await self.rig.upstream(self._serve)
        self.sockets_before = sockets()
        self.client = await self.rig.client()
        await until(lambda: len(self.rig.gateway.connections) == 1)

    async def _serve(self, conversation: Conversation) -> None:
        if self._conversation is None and not self.honest:
            self._conversation = conversation
            while await conversation.some():
                pass
            return
        while True:
            await conversation.head()
            await conversation.send(ok(b"honest"))

    @property
    def has_service(self) -> bool:
        """The service has accepted a connection."""
        return self._conversation is not None

    @property
    def service(self) -> Conversation:
        """The service's end of the first connection."""
        assert self._conversation is not None
        return self._conversation

    def ask(self, line: str = "GET /x HTTP/1.1", *fields: str, body: bytes = b"") -> None:
        """Sends a request, or the beginning of one."""
        self.client.send(self.rig.request(line, *fields, body=body))

    async def arrived(self, end: bytes = b"\r\n\r\n") -> None:
        """Waits until the service has what was sent."""
        await until(lambda: self.upstream.received.endswith(end))

    async def asked(self, line: str = "GET /x HTTP/1.1", *fields: str) -> None:
        """A whole request, at the service."""
        self.ask(line, *fields)
        await self.arrived()

    async def answer(self, wire: bytes) -> None:
        """The service sends a part of an answer."""
        await self.service.send(wire)

    def reset(self) -> None:
        """The client ends with a reset, whatever is still to be sent."""
        sock = self.client.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()

    def hold(self, name: str) -> asyncio.Event:
        """Holds back one of the backend's two calls until `go_on`. Returns what is set once it is called."""
        real: Any = getattr(self.rig.backend, name)
        called = asyncio.Event()

        async def held(*arguments: object) -> object:
            called.set()
            await self.go_on.wait()
            result = real(*arguments)
            return await result if asyncio.iscoroutine(result) else result

        setattr(self.rig.backend, name, held)
        return called

    async def pour(self, write: Callable[[bytes], None], full: Callable[[], bool]) -> None:
        """Sends until the gateway takes no more."""
        write(bytes(24 * MEGABYTE))
        await until(full)


Reach = Callable[[Stage], Awaitable[None]]


class Step(NamedTuple):
    """How far an exchange has come."""

    reach: Reach
    phase: Phase


async def connected(stage: Stage) -> None:
    """Nothing was sent."""


async def in_the_head(stage: Stage) -> None:
    stage.client.send(stage.rig.request()[:30])
    (connection,) = stage.rig.gateway.connections
    await until(lambda: connection.transport.is_reading())
    await turns()


async def turns() -> None:
    """Some turns of the loop, for what cannot be seen from outside."""
    for _ in range(20):
        await asyncio.sleep(0)


async def kept_alive(stage: Stage) -> None:
    await stage.asked()
    await stage.answer(ok(b"mine"))
    await stage.client.answer()


async def refused(stage: Stage) -> None:
    """The client may still send what nobody reads."""
    stage.client.send(b"nonsense\r\n\r\n")
    await stage.client.answer()


async def deciding(stage: Stage) -> None:
    called = stage.hold("resolve")
    stage.ask()
    await called.wait()


async def deciding_with_a_body(stage: Stage) -> None:
    called = stage.hold("resolve")
    stage.ask("POST /x HTTP/1.1", "Content-Length: 100", body=b"half")
    await called.wait()


async def dialling(stage: Stage) -> None:
    called = stage.hold("dial")
    stage.ask()
    await called.wait()


async def dialling_with_a_body(stage: Stage) -> None:
    called = stage.hold("dial")
    stage.ask("POST /x HTTP/1.1", "Content-Length: 100", body=b"half")
    await called.wait()


async def uploading_a_length(stage: Stage) -> None:
    stage.ask("POST /x HTTP/1.1", "Content-Length: 100", body=b"half")
    await stage.arrived(b"half")


async def uploading_chunks(stage: Stage) -> None:
    stage.ask("POST /x HTTP/1.1", "Transfer-Encoding: chunked", body=b"4\r\nhalf\r\n2")
    await stage.arrived(b"half\r\n")


async def asked_to_continue(stage: Stage) -> None:
    stage.ask("POST /x HTTP/1.1", "Expect: 100-continue", "Content-Length: 100")
    await stage.arrived()
    await stage.answer(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert (await stage.client.head()).startswith(b"HTTP/1.1 100 ")


async def waiting(stage: Stage) -> None:
    await stage.asked()


async def waiting_after_a_hint(stage: Stage) -> None:
    await stage.asked()
    await stage.answer(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    assert (await stage.client.head()).startswith(b"HTTP/1.1 103 ")


async def in_the_answers_head(stage: Stage) -> None:
    await stage.asked()
    await stage.answer(b"HTTP/1.1 200 OK\r\nContent-Le")
    await turns()


async def in_a_length(stage: Stage) -> None:
    await stage.asked()
    await stage.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await stage.client.until(b"half")


async def in_chunks(stage: Stage) -> None:
    await stage.asked()
    await stage.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n2")
    await stage.client.until(b"half\r\n")


async def in_the_trailers(stage: Stage) -> None:
    await stage.asked()
    await stage.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX: ")
    await stage.client.until(b"half\r\n")


async def in_an_answer_without_length(stage: Stage) -> None:
    await stage.asked()
    await stage.answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    await stage.client.until(b"data: 1\n\n\r\n")


async def in_both_bodies(stage: Stage) -> None:
    stage.ask("POST /x HTTP/1.1", "Content-Length: 100", body=b"half")
    await stage.arrived(b"half")
    await stage.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nearly")
    await stage.client.until(b"early")


async def pipelined(stage: Stage) -> None:
    """The next request waits in the gateway."""
    stage.client.send(stage.rig.request() + stage.rig.request("GET /next HTTP/1.1"))
    await stage.arrived()


async def upgrading(stage: Stage) -> None:
    await stage.asked("GET /x HTTP/1.1", *UPGRADE)


async def in_a_tunnel(stage: Stage) -> None:
    await stage.asked("GET /x HTTP/1.1", *UPGRADE)
    await stage.answer(SWITCH + b"hello")
    await stage.client.until(b"hello")
    stage.client.send(b"hello to you")
    await stage.arrived(b"hello to you")


async def a_client_that_does_not_read(stage: Stage) -> None:
    stage.client.close()
    stage.client = await stage.rig.client(receive_buffer=4096)
    await until(lambda: len(stage.rig.gateway.connections) == 1)
    await stage.asked()
    await stage.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    await stage.client.head()
    stage.client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    (connection,) = stage.rig.gateway.connections
    await stage.pour(stage.service.writer.write, lambda: connection.full)


async def a_client_that_does_not_read_the_end(stage: Stage) -> None:
    """All of an answer without length is written, and the service is gone."""
    stage.client.close()
    stage.client = await stage.rig.client(receive_buffer=4096)
    await until(lambda: len(stage.rig.gateway.connections) == 1)
    await stage.asked("GET /x HTTP/1.0")
    await stage.answer(b"HTTP/1.1 200 OK\r\n\r\n")
    await stage.client.head()
    stage.client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    (connection,) = stage.rig.gateway.connections
    while not connection.transport.get_write_buffer_size():
        await stage.answer(bytes(16384))
        await turns()
    stage.service.close()
    await until(lambda: connection.exchange is None)
    assert connection.transport.get_write_buffer_size()


async def a_service_that_does_not_read(stage: Stage) -> None:
    stage.ask("POST /x HTTP/1.1", "Content-Length: 1000000000")
    await stage.arrived()
    stage.service.writer.transport.pause_reading()  # type: ignore[attr-defined]
    (connection,) = stage.rig.gateway.connections
    await stage.pour(stage.client.send, lambda: not connection.transport.is_reading())


async def a_tunnels_client_that_does_not_read(stage: Stage) -> None:
    stage.client.close()
    stage.client = await stage.rig.client(receive_buffer=4096)
    await until(lambda: len(stage.rig.gateway.connections) == 1)
    (connection,) = stage.rig.gateway.connections
    await in_a_tunnel(stage)
    stage.client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await stage.pour(stage.service.writer.write, lambda: connection.transport.get_write_buffer_size() > 0)


async def a_tunnels_service_that_does_not_read(stage: Stage) -> None:
    (connection,) = stage.rig.gateway.connections
    await in_a_tunnel(stage)
    stage.service.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await stage.pour(stage.client.send, lambda: not connection.transport.is_reading())


STEPS: dict[str, Step] = {
    each.__name__: Step(each, phase)
    for phase, steps in (
        (Phase.IDLE, (connected, in_the_head, kept_alive, refused)),
        (
            Phase.ASKED,
            (
                deciding,
                deciding_with_a_body,
                dialling,
                dialling_with_a_body,
                uploading_a_length,
                uploading_chunks,
                asked_to_continue,
                waiting,
                waiting_after_a_hint,
                in_the_answers_head,
                pipelined,
                upgrading,
                a_service_that_does_not_read,
            ),
        ),
        (
            Phase.ANSWERING,
            (
                in_a_length,
                in_chunks,
                in_the_trailers,
                in_both_bodies,
                a_client_that_does_not_read,
                a_client_that_does_not_read_the_end,
            ),
        ),
        (Phase.UNTIL_CLOSE, (in_an_answer_without_length,)),
        (
            Phase.TUNNEL,
            (in_a_tunnel, a_tunnels_client_that_does_not_read, a_tunnels_service_that_does_not_read),
        ),
    )
    for each in steps
}
