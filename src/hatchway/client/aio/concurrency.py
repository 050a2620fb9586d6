"""What waits, and what runs beside: where the asynchronous client and its synchronous twin truly differ.

`hatchway.client.sync.concurrency` has the same names, written by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")

Lock = asyncio.Lock
"""Held by one at a time."""


class Deadline:
    """The end of a time limit."""

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout

    def check(self) -> None:
        """Raise TimeoutError after the end. Here the event loop does that by itself."""

    def left(self) -> float | None:
        """How long a single wait may take, in seconds. None: no need to say, the event loop ends it."""
        return None

    def expired(self) -> bool:
        """Whether it was this limit that ended the block."""
        return self._timeout.expired()


@asynccontextmanager
async def time_limit(seconds: float | None) -> AsyncIterator[Deadline]:
    """End the block by TimeoutError after `seconds`; None: never."""
    async with asyncio.timeout(seconds) as timeout:
        yield Deadline(timeout)


async def pause(seconds: float) -> None:
    """Wait for a while."""
    await asyncio.sleep(seconds)


async def in_thread(function: Callable[..., T], *arguments: object) -> T:
    """Call what waits for a name server, without holding up the event loop. If this is cancelled, the call goes on."""
    return await asyncio.to_thread(function, *arguments)


async def finished_in_thread(function: Callable[..., T], *arguments: object) -> T:
    """As `in_thread`, for what uses an open file: if this is cancelled, it waits for the call, then ends."""
    call = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait([call])
        if not call.cancelled():
            call.exception()
        raise
