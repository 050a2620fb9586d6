"""Notices ports that begin or cease to be listened on in a VM, and tells its event log.

The kernel gives no word of it, so it is looked for: often just after a process has started or ended, since that is when
it happens, then ever less, and after a while not at all, unless somebody follows the events. So a VM in which nothing
changes costs nothing, whatever it serves; neither does one in which nothing was ever started, nor a paused one.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable

from hatchway.errors import HatchwayError
from hatchway.printable import printable
from hatchway.vm.event_log import EventLog
from hatchway.vm.records import ListeningPort

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 2.0
"""Seconds between two looks, each 1.3 times the one before."""
WATCHED_SECONDS = 15.0
"""How long after the last start or end of a process it is looked for."""
IDLE_SHARE = 10
"""How many times as long as a look took is the pause behind it at least, so that a guest with very many open files,
which answers slowly, still has time for other requests."""

_GROWTH = 1.3


class PortWatch:
    """Watches the ports of one running VM.

    Args:
        read: reads them.
        events: told of changes.
        is_paused: whether the VM is: then none of its ports can change. `stir` says that it is no longer.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[list[ListeningPort]]],
        events: EventLog,
        is_paused: Callable[[], bool] = lambda: False,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._read = read
        self._events = events
        self._is_paused = is_paused
        self._known: dict[tuple[int, str], ListeningPort] = {}
        self._has_run = False
        self._stirred = asyncio.Event()
        self._stirred_at = self._loop.time()
        self._task = self._loop.create_task(self._watch())

    def stir(self) -> None:
        """A process has started or ended, or goes on after a pause."""
        self._has_run = True
        self._stirred_at = self._loop.time()
        self._stirred.set()

    def followed(self) -> None:
        """Somebody has begun to follow the events."""
        if self._has_run:
            self._stirred.set()

    def stop(self) -> None:
        """The VM has ended: none of its ports is listened on."""
        self._task.cancel()
        self._tell([])

    async def _watch(self) -> None:
        pause = FIRST_PAUSE
        await self._stirred.wait()
        while True:
            if self._stirred.is_set():
                self._stirred.clear()
                pause = FIRST_PAUSE
                await asyncio.sleep(pause)  # nothing listens the moment it starts
            if self._is_paused() or not self._is_worth_it():
                await self._stirred.wait()
                continue
            took = await self._look()
            await self._rest(max(pause, IDLE_SHARE * took), IDLE_SHARE * took)
            pause = min(pause * _GROWTH, LONGEST_PAUSE)

    def _is_worth_it(self) -> bool:
        return self._events.is_followed or self._loop.time() - self._stirred_at <= WATCHED_SECONDS

    async def _look(self) -> float:
        """How many seconds it took."""
        began = self._loop.time()
        try:
            self._tell(await self._read())
        except HatchwayError:
            pass  # the VM has ended, which `stop` tells, or cannot say just now: at its limit of memory, for instance
        return self._loop.time() - began

    async def _rest(self, seconds: float, at_least: float) -> None:
        """Wait so long, or only `at_least` if the VM is stirred meanwhile."""
        await asyncio.sleep(at_least)
        try:
            async with asyncio.timeout(seconds - at_least):
                await self._stirred.wait()
        except TimeoutError:
            pass

    def _tell(self, found: list[ListeningPort]) -> None:
        now = {(each.port, each.address): each for each in found}
        for key, gone in self._known.items():
            if key not in now:
                self._events.publish("port_closed", port=gone.port, address=gone.address)
        for key, come in now.items():
            if key not in self._known:
                command = shlex.join(word.decode(errors="replace") for word in come.command)
                self._events.publish(
                    "port_opened",
                    port=come.port,
                    address=come.address,
                    pid=come.pid,
                    command=printable(command, one_line=True),
                )
        self._known = now
