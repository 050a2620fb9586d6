"""What has happened in one VM, for whoever asks later: numbered, bounded, followed by any number.

The log outlives the VM's processes: it is the VM's, not of one boot. It is kept in memory, so it begins anew with the
server; its `epoch` says so to whoever comes back with a cursor of the log before.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

EventKind = Literal[
    "vm_booted",
    "vm_paused",
    "vm_resumed",
    "vm_shutdown",
    "vm_disk_full",
    "process_output",
    "process_exit",
    "port_opened",
    "port_closed",
    "service_state",
    "shell_data",
    "shell_exit",
]

KEPT_EVENTS = 4096
"""How many events of a VM are kept."""
KEPT_BYTES = 512 * 1024
"""How many bytes of data the kept ones may hold together."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    number: int
    """Counts from 1 in each log."""
    kind: EventKind
    at: float
    """Seconds since the epoch."""
    data: Mapping[str, object]
    """What there is to say of it: text, numbers, None, and bytes."""


class EventLog:
    """The events of one VM.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._last = 0
        self._more: asyncio.Future[None] | None = None
        self._followers = 0
        self.followed: Callable[[], None] = lambda: None
        """Called when somebody begins to follow."""
        self.epoch = secrets.token_hex(4)
        """Tells this log from another of the same VM."""

    @property
    def last(self) -> int:
        """The number of the newest event; 0 if there was none."""
        return self._last

    @property
    def is_followed(self) -> bool:
        """Whether anybody follows the log right now."""
        return self._followers > 0

    @contextmanager
    def following(self) -> Iterator[None]:
        """Somebody follows the log for as long as the context lasts."""
        self._followers += 1
        self.followed()
        try:
            yield
        finally:
            self._followers -= 1

    def publish(self, kind: EventKind, **data: object) -> Event:
        """Add an event; the oldest go when there are too many."""
        self._last += 1
        event = Event(self._last, kind, self._clock(), data)
        self._events.append(event)
        self._bytes += _size(event)
        while len(self._events) > KEPT_EVENTS or (self._bytes > KEPT_BYTES and len(self._events) > 1):
            self._bytes -= _size(self._events.popleft())
        if self._more is not None:
            self._more.set_result(None)
            self._more = None
        return event

    def since(self, number: int) -> tuple[list[Event], int]:
        """The events kept behind event `number`, oldest first, and how many behind it are kept no more."""
        first = self._events[0].number if self._events else self._last + 1
        kept = [event for event in self._events if event.number > number]
        return kept, max(0, first - 1 - number)

    async def more(self) -> None:
        """Wait for the next event."""
        if self._more is None:
            self._more = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._more)


def _size(event: Event) -> int:
    return 64 + sum(len(value) for value in event.data.values() if isinstance(value, str | bytes))
