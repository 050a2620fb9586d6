"""VMs that wait ready, so that one which is made needs no boot: its first command is the first thing it does.

A ready VM has an id and an id range of its own, and a folder; it has no key, and nothing of it is in the database until
it is taken. What is left of one when a server is killed is a folder that no row owns.

How many wait follows from how many were taken lately: one for each, at least one of a kind that was ever asked for, at
most `most`. On a machine that is short of memory none waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

from hatchway.errors import HatchwayError
from hatchway.vm.background import Background
from hatchway.vm.machine import Machine

RECENT_SECONDS = 5.0
"""What was taken within so many seconds is expected again."""
FILL_DELAY_SECONDS = 0.03
"""A boot takes what the first command in the VM that was just taken needs: it has so long ahead."""
LEAST_FREE_SHARE = 0.1
"""Of the machine's memory: with less that is available, no VM waits."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadyVm:
    """A VM that waits."""

    id: str
    slot: int
    machine: Machine


class ReadyPool:
    """The ready VMs of a server, by kind.

    Args:
        make: boots one of a kind.
        discard: gives back what `make` made.
        most: how many of a kind wait at most; 0: none ever.
        has_memory: whether the machine has room for more.
    """

    def __init__(
        self,
        make: Callable[[str], Awaitable[ReadyVm]],
        discard: Callable[[ReadyVm], Coroutine[None, None, None]],
        most: int,
        has_memory: Callable[[], bool],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._make = make
        self._discard = discard
        self._most = most
        self._has_memory = has_memory
        self._waiting: dict[str, deque[ReadyVm]] = {}
        self._taken: dict[str, deque[float]] = {}
        self._filling: dict[str, asyncio.Task[None]] = {}
        self._discarding = Background()
        self._closed = False

    def take(self, kind: str) -> ReadyVm | None:
        """One that is ready, owned by the caller; None if none is. More of this kind are made behind."""
        taken = self._taken.setdefault(kind, deque())
        taken.append(self._loop.time())
        waiting = self._waiting.setdefault(kind, deque())
        ready = None
        while waiting and ready is None:
            candidate = waiting.popleft()
            if candidate.machine.is_running:
                ready = candidate
            else:
                self._discarding.start(self._discard(candidate))
        self._fill_soon(kind)
        return ready

    def ids(self) -> set[str]:
        """The ids of those that wait."""
        return {ready.id for waiting in self._waiting.values() for ready in waiting}

    async def close(self) -> None:
        """End all of them."""
        self._closed = True
        filling = list(self._filling.values())
        for task in filling:
            task.cancel()
        await asyncio.gather(*filling, return_exceptions=True)
        for waiting in self._waiting.values():
            while waiting:
                self._discarding.start(self._discard(waiting.popleft()))
        await self._discarding.finish()

    def _wanted(self, kind: str) -> int:
        taken = self._taken[kind]
        oldest = self._loop.time() - RECENT_SECONDS
        while taken and taken[0] < oldest:
            taken.popleft()
        return min(max(1, len(taken)), self._most)

    def _fill_soon(self, kind: str) -> None:
        filling = self._filling.get(kind)
        if self._closed or (filling is not None and not filling.done()):
            return
        if len(self._waiting[kind]) < self._wanted(kind):
            self._filling[kind] = self._loop.create_task(self._fill(kind))

    async def _fill(self, kind: str) -> None:
        waiting = self._waiting[kind]
        await asyncio.sleep(FILL_DELAY_SECONDS)
        try:
            while len(waiting) < self._wanted(kind) and self._has_memory():
                waiting.append(await self._make(kind))
        except HatchwayError as error:
            _log.warning("no VM of the kind %s waits ready: %s", kind, error.message)


def has_memory() -> bool:
    """Whether this machine has memory to spare (proc_meminfo(5))."""
    found = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in {"MemTotal", "MemAvailable"}:
            found[name] = int(rest.split()[0])
    return found["MemAvailable"] >= LEAST_FREE_SHARE * found["MemTotal"]
