"""How much output of one VM's processes is read in a while.

Everything that a spawned process writes is read, so that it never waits for a reader. One that prints for ever would
cost the server its time, and hundreds of them would hold up every other VM. So a VM has a share of bytes for each
period; once it is used up, those of its processes that go on writing take turns, and wait for a moment when their pipe
is full.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

PERIOD_SECONDS = 0.004
SHARE_BYTES = 512 * 1024
"""For each period: 128 MB/s. Reading that takes a tenth of a core's time, three times as much on a machine that is
crowded."""
LEAST_BYTES = 8 * 1024
"""What the smallest read counts for: it takes time too."""


class Clock(Protocol):
    """What is used of an event loop."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle: ...


class OutputShare:
    """The share of one VM.

    Args:
        clock: the event loop.
        share: bytes for each period.
    """

    def __init__(self, clock: Clock, share: int = SHARE_BYTES) -> None:
        self._clock = clock
        self._share = share
        self._left = 0
        self._period_ends = 0.0
        self._waiting: deque[Callable[[], None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def is_used_up(self) -> bool:
        """Whether nothing more may be read in this period."""
        now = self._clock.time()
        if now >= self._period_ends:
            self._left = self._share
            self._period_ends = now + PERIOD_SECONDS
        return self._left <= 0

    def spend(self, size: int) -> None:
        """So many bytes were read."""
        self._left -= max(size, LEAST_BYTES)

    def wait(self, read: Callable[[], None]) -> None:
        """Have `read` called in a later period, once those who came before have had their turn."""
        self._waiting.append(read)
        if self._timer is None:
            self._timer = self._clock.call_at(self._period_ends, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        for _ in range(len(self._waiting)):
            if self.is_used_up():
                self._timer = self._clock.call_at(self._period_ends, self._go_on)
                return
            self._waiting.popleft()()
