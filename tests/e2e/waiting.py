"""Waiting for a condition, with a bound that only a failure reaches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

BOUND_SECONDS = 15.0
_PAUSE_SECONDS = 0.01


def wait_until(condition: Callable[[], bool], what: str, seconds: float = BOUND_SECONDS) -> None:
    """Return as soon as `condition()` holds; fail, naming `what`, if it does not within the bound."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(_PAUSE_SECONDS)


async def eventually(
    condition: Callable[[], Awaitable[bool]], what: str, seconds: float = BOUND_SECONDS
) -> None:
    """As `wait_until`, for a condition that has to be awaited."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        await asyncio.sleep(_PAUSE_SECONDS)
