"""Notices ports that begin or cease to be listened on in a VM, and tells its event log.

The kernel gives no word of it, so it is looked for: often just after a process has started or ended, since that is when
it happens, then ever less, and after a while not at all, unless somebody follows the events. So a VM in which nothing
changes costs nothing, whatever it serves.
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

_GROWTH = 1.3


class PortWatch:
    """Watches the ports of one running VM.

    Args:
        read: reads them.
        events: told of changes.
    """

    def __init__(self, read: Callable[[], Awaitable[list[ListeningPort]]], events: EventLog) -> None:
        self._loop = asyncio.get_running_loop()
        self._read = read
        self._events = events
        self._known: dict[tuple[int, str], ListeningPort] = {}
        self._stirred = asyncio.Event()
        self._stirred_at = self._loop.time()
        self._task = self._loop.create_task(self._watch())

    def stir(self) -> None:
        """A process has started or ended, or somebody has begun to follow the events."""
        self._stirred_at = self._loop.time()
        self._stirred.set()

    def stop(self) -> None:
        """The VM has ended: none of its ports is listened on."""
        self._task.cancel()
        self._tell([])

    async def _watch(self) -> None:
        pause = FIRST_PAUSE
        while True:
            if self._stirred.is_set():
                self._stirred.clear()
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            try:
                self._tell(await self._read())
            except HatchwayError:
                return  # the VM has ended, or does not say
            pause = min(pause * _GROWTH, LONGEST_PAUSE)
            if self._loop.time() - self._stirred_at > WATCHED_SECONDS and not self._events.is_followed:
                await self._stirred.wait()

    def _tell(self, found: list[ListeningPort]) -> None:
        now = {(each.port, each.address): each for each in found}
        for key, gone in self._known.items():
            if key not in now:
                self._events.publish("port_closed", port=gone.port, address=gone.address)
        for key, come in now.items():
            if key not in self._known:
                words = shlex.join(word.decode(errors="replace") for word in come.command)
                self._events.publish(
                    "port_opened",
                    port=come.port,
                    address=come.address,
                    pid=come.pid,
                    command=printable(words, one_line=True),
                )
        self._known = now
