"""What has happened in one VM, for whoever asks later: numbered, bounded, followed by any number.

The log outlives the VM's processes: it is the VM's, not of one boot. It is kept in memory, so it begins anew with the
server; its `epoch` says so to whoever comes back with a cursor of the log before.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal, get_args

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

KINDS: frozenset[str] = frozenset(get_args(EventKind))

_OF_PORTS = frozenset({"port_opened", "port_closed"})
"""Those for whose sake somebody has to look, while they are followed."""

KEPT_EVENTS = 4096
"""How many events of a VM are kept."""
KEPT_BYTES = 512 * 1024
"""How many bytes of data the kept ones may hold together."""
_MOST_AT_ONCE = 64
"""How many events a reader is given at once: so many it may hold that are kept no more."""


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


@dataclass(frozen=True, slots=True)
class Missed:
    """Events that a reader asked for and that are kept no more."""

    count: int | None
    """How many; None: nobody knows, since they were in another log."""
    number: int
    """Of the last of them; 0: none of this log."""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A reader has been told what was there when it began; what follows is new."""

    number: int
    """Of the last event before."""


Told = Event | Missed | CaughtUp
"""What a reader is told."""


class EventLog:
    """The events of one VM.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._events: dict[int, Event] = {}
        """Those that are kept, by their numbers, which follow each other."""
        self._first = 1
        """The number of the oldest that is kept, or of the next if there is none."""
        self._bytes = 0
        self._last = 0
        self._more: asyncio.Future[None] | None = None
        self._closed = False
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
        """Somebody follows the log for as long as the context lasts, and wants to know of ports."""
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
        self._events[event.number] = event
        self._bytes += _size(event)
        while len(self._events) > KEPT_EVENTS or (self._bytes > KEPT_BYTES and len(self._events) > 1):
            self._bytes -= _size(self._events.pop(self._first))
            self._first += 1
        self._wake()
        return event

    def close(self) -> None:
        """Nothing will happen any more: the VM was destroyed. Whoever reads comes to an end."""
        self._closed = True
        self._wake()

    def since(self, number: int, most: int | None = None) -> tuple[list[Event], int]:
        """The events kept behind event `number`, oldest first, and how many behind it are kept no more.

        Args:
            number: of an event; 0: of none, so all of them.
            most: how many events at most; None: all.
        """
        first = max(number + 1, self._first)
        end = self._last + 1 if most is None else min(self._last + 1, first + most)
        return [self._events[each] for each in range(first, end)], max(0, first - 1 - number)

    async def more(self) -> None:
        """Wait for the next event."""
        if self._more is None:
            self._more = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._more)

    async def read(
        self, after: int | None, kinds: Collection[str] | None = None
    ) -> AsyncGenerator[Told, None]:
        """What happened, then what happens, until the log is closed.

        A reader holds little more than a number: one that is slower than the events is told how many it missed.

        Args:
            after: the number of an event, to begin behind it; None: one of another log.
            kinds: those to be told of; None: all. What is missed is counted whatever its kind.
        """
        about_ports = kinds is None or not _OF_PORTS.isdisjoint(kinds)
        with self.following() if about_ports else nullcontext():
            if after is None:
                yield Missed(None, 0)
            number, there, caught_up = after or 0, self._last, False
            while True:
                events, missed = self.since(number, _MOST_AT_ONCE)
                if missed:
                    number += missed
                    yield Missed(missed, number)
                for event in events:
                    if not caught_up and event.number > there:
                        caught_up = True
                        yield CaughtUp(number)
                    number = event.number
                    if kinds is None or event.kind in kinds:
                        yield event
                if events:
                    continue
                if not caught_up:
                    caught_up = True
                    yield CaughtUp(number)
                elif self._closed:
                    return
                else:
                    await self.more()

    def _wake(self) -> None:
        if self._more is not None:
            self._more.set_result(None)
            self._more = None


def _size(event: Event) -> int:
    return 64 + sum(len(value) for value in event.data.values() if isinstance(value, str | bytes))
