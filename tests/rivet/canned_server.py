"""A server with a few canned answers, for the tests of the client's driver."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rivet.npm_client import Installed

FOUND: Mapping[str, Any] = {
    "actor_id": "id-1",
    "name": "vm",
    "key": "my-agent",
    "namespace_id": "default",
    "runner_name_selector": "default",
    "create_ts": 1,
    "connectable_ts": 1,
    "start_ts": 1,
    "sleep_ts": None,
    "destroy_ts": None,
}
MADE = (200, {"actor": FOUND, "created": False})
BY_NAME = "2.3.19"
"""It asks for an action by the name and the key, the other one for the id first."""


def place(client: Installed, rest: str) -> str:
    """The path below which a client asks for something of `getOrCreate(["my-agent"])`."""
    return f"/gateway/{'vm' if client.version == BY_NAME else 'id-1'}/{rest}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A request, with the names of its headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Canned:
    """The server.

    Attributes:
        answers: by `METHOD /path`, without the query: the status, and what is sent as JSON, or as it is if it is bytes.
            None: no answer ever.
        seen: the requests, in order; not those of the client's start.
        url: where it is.
    """

    answers: Mapping[str, tuple[int, Any] | None]
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    def answer(self, request: Seen) -> tuple[int, Any] | None:
        """The answer to a request, which is noted."""
        place = f"{request.method} {request.target.partition('?')[0]}"
        if place == "GET /metadata":
            return 200, {}
        self.seen.append(request)
        return self.answers.get(place, (500, {"group": "test", "code": "unexpected", "message": place}))


@asynccontextmanager
async def serving(answers: Mapping[str, tuple[int, Any] | None]) -> AsyncIterator[Canned]:
    """Serve for as long as the context lasts."""
    canned = Canned(answers)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                answer = canned.answer(request)
                if answer is None:
                    await asyncio.Event().wait()
                else:
                    _write(writer, *answer)
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    canned.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield canned
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections)
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Seen | None:
    line = await reader.readline()
    if not line:
        return None
    method, target, _ = line.decode().split(" ")
    headers = {}
    while (line := await reader.readline()) != b"\r\n":
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, target, headers, body)


def _write(writer: asyncio.StreamWriter, status: int, content: Any) -> None:
    raw = isinstance(content, bytes)
    kind = "application/octet-stream" if raw else "application/json"
    body: bytes = content if raw else json.dumps(content).encode()
    head = f"HTTP/1.1 {status} Canned\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
