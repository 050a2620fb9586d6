"""Tiny real upstreams: raw sockets that follow a script and remember every byte they received."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable


class Conversation:
    """One connection that an upstream accepted."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.received = bytearray()

    async def head(self) -> bytes:
        """The next request's head; EOFError at the end of the connection."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            self.received += error.partial
            raise EOFError from None
        self.received += head
        return head

    async def exactly(self, size: int) -> bytes:
        """The next `size` bytes."""
        data = await self.reader.readexactly(size)
        self.received += data
        return data

    async def chunked(self) -> bytes:
        """A chunked body, as it came on the wire."""
        wire = await self.reader.readuntil(b"0\r\n")
        while not wire.endswith(b"\r\n\r\n"):
            wire += await self.reader.readuntil(b"\r\n")
        self.received += wire
        return wire

    async def some(self) -> bytes:
        """Whatever comes next; b"" at the end."""
        data = await self.reader.read(65536)
        self.received += data
        return data

    async def rest(self) -> bytes:
        """Everything until the end."""
        data = bytearray()
        while part := await self.some():
            data += part
        return bytes(data)

    async def send(self, data: bytes) -> None:
        """Sends, and waits until the other side took most of it."""
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """Ends the connection in order."""
        self.writer.close()

    def reset(self) -> None:
        """Ends the connection with a reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Conversation], Awaitable[None]]


class Upstream:
    """A server on loopback that runs `script` for each connection; when the script ends, so does the connection."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.conversations: list[Conversation] = []
        self.ended = 0
        """Conversations whose script is over."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def start(self) -> tuple[str, int]:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        conversation = Conversation(reader, writer)
        self.conversations.append(conversation)
        self._changed.set()
        try:
            await self.script(conversation)
        except (EOFError, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self.ended += 1
            self._changed.set()
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until `condition`, looked at whenever a conversation begins or ends."""
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for conversation in self.conversations:
            conversation.writer.transport.abort()
        await asyncio.sleep(0)

    @property
    def received(self) -> bytes:
        """All that it ever received."""
        return b"".join(bytes(one.received) for one in self.conversations)


def answers(*wire: bytes) -> Script:
    """Reads a head, sends the next of `wire`, and so on; the last one again and again. Keeps the connection."""

    async def script(conversation: Conversation) -> None:
        turn = 0
        while True:
            await conversation.head()
            await conversation.send(wire[min(turn, len(wire) - 1)])
            turn += 1

    return script


def answers_and_closes(wire: bytes) -> Script:
    """Reads a head, sends `wire`, closes."""

    async def script(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.send(wire)

    return script


async def echo(conversation: Conversation) -> None:
    """Answers with what it received: the head and the body, as they came."""
    while True:
        head = await conversation.head()
        body = b""
        lowered = head.lower()
        if b"transfer-encoding: chunked" in lowered:
            body = await conversation.chunked()
        elif b"content-length:" in lowered:
            body = await conversation.exactly(int(lowered.split(b"content-length:")[1].split(b"\r\n")[0]))
        whole = head + body
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(whole) + whole)


def ok(body: bytes = b"ok", headers: bytes = b"") -> bytes:
    """A small whole answer."""
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (headers, len(body), body)


def gzipped(body: bytes) -> bytes:
    """A compressed answer."""
    return ok(gzip.compress(body), b"Content-Encoding: gzip\r\n")
