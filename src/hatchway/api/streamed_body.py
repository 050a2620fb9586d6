"""A request's body as it comes, for work that may wait long between two pieces of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

T = TypeVar("T")

READ_AHEAD_BYTES = 1024 * 1024
"""How much of a body is read before the work takes it."""


async def once(data: bytes) -> AsyncIterator[bytes]:
    """Bytes that are there already, as a body of one piece."""
    yield data


async def with_body(receive: Receive, work: Callable[[AsyncIterator[bytes]], Coroutine[Any, Any, T]]) -> T:
    """Run `work` on the body of a request, or cancel it once the client has gone.

    That a client has gone shows behind all that it has sent. So the body is read ahead of the work; of a client that
    has sent more than `READ_AHEAD_BYTES` which the work does not take it shows once the work goes on.

    Args:
        receive: of a request whose body nobody has read.
        work: given the pieces of the body.

    Raises:
        ClientDisconnect: the client has gone; `work` has been cancelled and has ended.
    """
    body = _Ahead()
    working = asyncio.ensure_future(work(body.pieces()))
    reading = asyncio.ensure_future(_read(receive, body))
    try:
        await asyncio.wait({working, reading}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        working.cancel()
        reading.cancel()
        await asyncio.gather(working, reading, return_exceptions=True)


async def _read(receive: Receive, body: _Ahead) -> None:
    """Read the body to its end, then wait until the client has gone."""
    while (message := await receive())["type"] != "http.disconnect":
        await body.put(message.get("body", b""), last=not message.get("more_body", False))


class _Ahead:
    """What was read and nobody has taken yet."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._last = False
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()

    async def put(self, piece: bytes, *, last: bool) -> None:
        if piece:
            self._pieces.append(piece)
            self._size += len(piece)
        self._last = self._last or last
        self._changed.set()
        while self._size > READ_AHEAD_BYTES:
            self._taken.clear()
            await self._taken.wait()

    async def pieces(self) -> AsyncIterator[bytes]:
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._size -= len(piece)
                self._taken.set()
                yield piece
            if self._last:
                return
            self._changed.clear()
            await self._changed.wait()
