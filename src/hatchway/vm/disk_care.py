"""The disks of a server's VMs: measured, kept from filling the host, and rid of what nobody owns any more.

What a guest may take exactly is `disk_image`'s, under a root server. Here is what holds everywhere: every second the
file system's free room is looked at, and where it shrinks, what VMs take is measured in threads. Who has to stop,
`disk_policy` decides.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hatchway.errors import Unavailable
from hatchway.options import MIB
from hatchway.store.vms import Vms
from hatchway.vm import garbage
from hatchway.vm.background import Background
from hatchway.vm.disk_policy import GROWTH_BYTES, Measured, Room, is_low, is_nearly_out, reserve_of, too_large
from hatchway.vm.garbage import Garbage
from hatchway.vm.sandbox import disk

TICK_SECONDS = 1.0
"""How often the free room is looked at."""
MEASURE_SECONDS = 30.0
"""How often VMs with a limit are measured where the free room does not shrink."""
MEASURE_AFTER_BYTES = 16 * MIB
"""How much less free room makes them be measured at once."""
MEASURE_AT_MOST_SECONDS = 60.0
"""What has not been seen by then of one VM does not count."""
MEASURED_AT_ONCE = 4
"""A guest can make its own tree slow to measure, and shall not keep others' from being measured."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """What a VM's files take."""

    bytes: int
    """Of the host's disk."""
    limit: int | None
    """What they may take; None: what the host has."""


class DiskCare:
    """The disks below one folder. `start` it, and `close` it in the end.

    Args:
        vms: the folder.
        logs: where the logs of the VMs' services are.
        cache_dir: where provided software is kept.
        rows: the VMs that there are.
        stop: ends a VM that runs, given what it takes and its limit.
        reserve: bytes of the file system that VMs may not take; None: see `disk_policy.reserve_of`.
    """

    def __init__(
        self,
        vms: Path,
        logs: Path,
        cache_dir: Path,
        rows: Vms,
        stop: Callable[[str, int, int | None], Awaitable[None]],
        reserve: int | None = None,
    ) -> None:
        self._vms = vms
        self._logs = logs
        self._cache_dir = cache_dir
        self._rows = rows
        self._stop = stop
        self._given_reserve = reserve
        self._limits: dict[str, int | None] = {}
        """Of the VMs that run."""
        self._sizes: dict[str, int] = {}
        """As they were last measured."""
        self._last_room = 0
        """The most that was free since it was nearly out; 0: it is not."""
        self._room_when_measured = 0
        self._measured_at = float("-inf")
        self._low = False
        self._reserved: Callable[[], Set[str]] = frozenset
        self._collecting = asyncio.Lock()
        self._measuring: dict[str, asyncio.Task[None]] = {}
        # Threads of their own: a tree that is slow to measure shall not hold up what else the server does in threads.
        self._threads = ThreadPoolExecutor(MEASURED_AT_ONCE, "disks")
        self._ticking: asyncio.Task[None] | None = None
        self._background = Background()
        self._closed = threading.Event()

    def start(self, reserved_ids: Callable[[], Set[str]]) -> None:
        """Begin to watch, and to remove in the background what nobody owns.

        Args:
            reserved_ids: VMs that have a folder and no row yet. One that is given a row has it before it leaves these.
        """
        self._reserved = reserved_ids
        self._ticking = asyncio.get_running_loop().create_task(self._tick_for_ever())
        self._background.start(self._collect_at_start())

    async def close(self) -> None:
        """Stop watching; wait for what is under way."""
        self._closed.set()
        tasks = list(self._measuring.values())
        if self._ticking is not None:
            tasks.append(self._ticking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._background.finish()
        await asyncio.to_thread(self._threads.shutdown)

    def booted(self, vm_id: str, limit: int | None, end: asyncio.Future[None]) -> None:
        """A VM runs that may take `limit` bytes, until `end` is done."""
        end.add_done_callback(lambda _: self._ended(vm_id))
        self._limits[vm_id] = limit
        self._sizes.pop(vm_id, None)
        if limit is not None:
            self._measured_at = float("-inf")  # what it grows from is measured at the next tick

    def check_room(self) -> None:
        """To be called before anything is written for somebody.

        Raises:
            Unavailable: `storage_full`: the host is below its reserve.
        """
        if self._low:
            raise Unavailable(
                "storage_full",
                "the server's disk is nearly full: what is left is its reserve",
                "delete files or destroy VMs, run `hatchway gc`, or give the server a larger disk",
            )

    async def usage(self, vm_id: str, limit: int | None) -> DiskUsage:
        """What a VM's files take, whether it runs or not.

        Args:
            vm_id: the VM.
            limit: what its kind says; a disk that was made with another size keeps that.
        """

        def look() -> DiskUsage:
            image = disk.image_of(self._vms / vm_id)
            size = limit if image is None else image.stat().st_size
            return DiskUsage(self._measure_now(vm_id), size)

        return await asyncio.get_running_loop().run_in_executor(self._threads, look)

    async def collect(self, *, dry_run: bool) -> list[Garbage]:
        """Remove what nobody owns any more, or only tell what that is.

        Raises:
            Unavailable: `storage_failed`.
        """
        async with self._collecting:
            try:
                # In this order: a VM has its row, or is reserved, before it has a folder.
                found = await asyncio.to_thread(
                    lambda: garbage.vm_ids(self._vms) | garbage.vm_ids(self._logs)
                )
                reserved = frozenset(self._reserved())
                orphans = found - reserved - await self._rows.ids()
                collected = await asyncio.to_thread(
                    garbage.collect_folders, self._vms, orphans, dry_run=dry_run
                )
                collected += await asyncio.to_thread(
                    garbage.collect_logs, self._logs, orphans, dry_run=dry_run
                )
                collected += await asyncio.to_thread(garbage.collect_layers, self._cache_dir, dry_run=dry_run)
            except OSError as error:
                raise Unavailable(
                    "storage_failed",
                    f"something could not be removed ({os.strerror(error.errno or 0)})",
                    "check the permissions of the data folder, and try again",
                ) from None
        return collected

    async def _collect_at_start(self) -> None:
        try:
            collected = await self.collect(dry_run=False)
        except Unavailable as error:
            _log.warning("what nobody owns is left: %s", error.message)
            return
        if collected:
            size = sum(each.bytes for each in collected)
            _log.info("removed %d things that nobody owned, %d bytes", len(collected), size)

    async def _tick_for_ever(self) -> None:
        while True:
            try:
                await self.tick()
            except OSError as error:
                _log.warning("the room on the disk cannot be told: %s", os.strerror(error.errno or 0))
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self) -> None:
        """Look at the free room once, and do what follows."""
        room = await asyncio.to_thread(_room_of, self._vms)
        reserve = reserve_of(room) if self._given_reserve is None else self._given_reserve
        was_low, self._low = self._low, is_low(room, reserve)
        if self._low and not was_low:
            _log.warning(
                "the disk is nearly full: VMs that grow are stopped, and nothing is written for clients"
            )
        if not is_nearly_out(room, reserve):
            self._last_room = 0
        elif room.free >= self._last_room - GROWTH_BYTES:
            self._last_room = max(self._last_room, room.free)
        else:
            self._last_room = room.free
            _log.warning("the disk is almost full: every VM is stopped")
            for vm_id, limit in list(self._limits.items()):
                await self._stop(vm_id, self._sizes.get(vm_id, 0), limit)
            return
        now = asyncio.get_running_loop().time()
        due = (
            self._low
            or self._room_when_measured - room.free > MEASURE_AFTER_BYTES
            or now - self._measured_at > MEASURE_SECONDS
        )
        if due:
            self._room_when_measured, self._measured_at = room.free, now
            self._measure_soon()
        self._room_when_measured = max(self._room_when_measured, room.free)

    def _measure_soon(self) -> None:
        """Begin to measure the VMs that something may follow for; those that are being measured are left to that."""
        for vm_id, limit in self._limits.items():
            if (self._low or limit is not None) and vm_id not in self._measuring:
                task = asyncio.get_running_loop().create_task(self._measure(vm_id, limit))
                self._measuring[vm_id] = task
                task.add_done_callback(partial(self._measured, vm_id))

    async def _measure(self, vm_id: str, limit: int | None) -> None:
        """Measure a VM, and stop it if it is too large."""
        low = self._low

        def look() -> tuple[int, bool]:
            exact = disk.image_of(self._vms / vm_id) is not None
            if exact and not low:
                return 0, True
            return self._measure_now(vm_id), exact

        size, exact = await asyncio.get_running_loop().run_in_executor(self._threads, look)
        if vm_id not in self._limits or (exact and not low):
            return
        found = Measured(vm_id, self._sizes.get(vm_id), size, None if exact else limit)
        # Below the reserve whatever a VM has grown by since then counts, however slowly.
        self._sizes[vm_id] = size if found.before is None or not low else min(found.before, size)
        if too_large([found], low=low):
            _log.warning("the VM %s is stopped: its files take %d bytes and grow", vm_id, size)
            await self._stop(vm_id, size, found.limit)

    def _measure_now(self, vm_id: str) -> int:
        deadline = time.monotonic() + MEASURE_AT_MOST_SECONDS
        return garbage.measure_vm(
            self._vms, vm_id, lambda: self._closed.is_set() or time.monotonic() > deadline
        )

    def _ended(self, vm_id: str) -> None:
        self._limits.pop(vm_id, None)
        self._sizes.pop(vm_id, None)

    def _measured(self, vm_id: str, task: asyncio.Task[None]) -> None:
        del self._measuring[vm_id]
        if not task.cancelled() and task.exception() is not None:
            _log.warning("a VM's disk could not be measured: %s", type(task.exception()).__name__)


def _room_of(folder: Path) -> Room:
    found = os.statvfs(folder)
    return Room(
        found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, found.f_files, found.f_favail
    )
