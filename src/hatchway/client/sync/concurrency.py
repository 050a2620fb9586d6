"""What waits, and what runs beside: the synchronous twin of `hatchway.client.aio.concurrency`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from hatchway.errors import ConnectionFailed

T = TypeVar("T")

Lock = threading.Lock
"""Held by one at a time."""


class Deadline:
    """The end of a time limit."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def check(self) -> None:
        """Raise TimeoutError after the end: nothing else interrupts a thread."""
        if self.expired():
            raise TimeoutError

    def left(self) -> float | None:
        """How long a single wait may take, in seconds; None: for ever."""
        return None if self._end is None else max(0.001, self._end - time.monotonic())

    def expired(self) -> bool:
        """Whether the end is past."""
        return self._end is not None and time.monotonic() >= self._end


@contextmanager
def time_limit(seconds: float | None) -> Iterator[Deadline]:
    """End the block by TimeoutError after `seconds`, if its waits ask for `left` and it calls `check`; None: never."""
    deadline = Deadline(seconds)
    try:
        yield deadline
    except ConnectionFailed as error:
        if error.code == "timeout" and deadline.expired():
            raise TimeoutError from None
        raise


def pause(seconds: float) -> None:
    """Wait for a while."""
    time.sleep(seconds)


def in_thread(function: Callable[..., T], *arguments: object) -> T:
    """Call it: here nothing else is held up."""
    return function(*arguments)


finished_in_thread = in_thread
