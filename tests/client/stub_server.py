"""A server on a real socket that says what a test tells it to, and remembers every byte it was asked."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

VM_ID = "vm00000000000000001a"
VM = f"/api/vms/{VM_ID}"
VMS = ("POST", "/api/vms")


@dataclass
class Received:
    """One request, as it came."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    peer: object = field(repr=False)
    """Which connection it came on."""

    def values(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header.lower() == name]

    def json(self) -> Any:
        return json.loads(self.body)


Answer = bytes | Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes | dict[str, Any] | None, status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer with a Content-Length."""
    if not isinstance(body, bytes):
        body = b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def refusal(status: str, code: str, hint: str = "a hint", **headers: str) -> bytes:
    return answer({"code": code, "message": f"about {code}", "hint": hint}, status, **headers)


def ndjson(*lines: object) -> bytes:
    return answer(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def out(stream: str, data: bytes) -> dict[str, str]:
    return {"stream": stream, "data": base64.b64encode(data).decode()}


def end(exit_code: int | None = 0, signal: int | None = None, timed_out: bool = False) -> dict[str, object]:
    return {"exit_code": exit_code, "signal": signal, "timed_out": timed_out}


class StubServer:
    """Answers by method and path (query left out): the next of the list for it, the last one for ever."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: dict[tuple[str, str], list[Answer]] = {}
        self.connections = 0
        self.url = ""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.on("POST", "/api/vms", answer({"id": VM_ID, "name": "vm", "key": ["my-agent"]}, "201 Created"))

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, path] = list(answers)

    def to(self, method: str, path: str) -> list[Received]:
        """What came for one route."""
        return [one for one in self.received if one.method == method and one.target.partition("?")[0] == path]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        assert self._server is not None
        # A connection that is accepted but not yet attached when its server closes is lost unclosed (CPython 3.11).
        for _ in range(5):
            await asyncio.sleep(0)
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        for writer in self._writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await self._read(reader, writer)
                self.received.append(request)
                answers = self.answers.get((request.method, request.target.partition("?")[0]), [])
                chosen = answers[0] if answers else refusal("404 Not Found", "unknown_action")
                if len(answers) > 1:
                    del answers[0]
                if callable(chosen):
                    await chosen(request, writer)
                else:
                    writer.write(chosen)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Received:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = []
        for line in head[1:-2]:
            name, _, value = line.partition(":")
            headers.append((name, value.strip(" ")))
        request = Received(method, target, headers, b"", writer)
        if request.values("transfer-encoding") == ["chunked"]:
            # readuntil() notices an end in the middle, readline() does not.
            while size := int(await reader.readuntil(b"\n"), 16):
                request.body += await reader.readexactly(size)
                await reader.readuntil(b"\n")
            await reader.readuntil(b"\n")
        elif lengths := request.values("content-length"):
            request.body = await reader.readexactly(int(lengths[0]))
        return request


async def cut(request: Received, writer: asyncio.StreamWriter) -> None:
    """Break the connection off instead of answering."""
    writer.transport.abort()


async def half(request: Received, writer: asyncio.StreamWriter) -> None:
    """Break the connection off in the middle of the answer."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.close()


async def never(request: Received, writer: asyncio.StreamWriter) -> None:
    """Do not answer."""
    await asyncio.Event().wait()
