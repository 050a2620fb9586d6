"""Disks of the in-memory system."""

from __future__ import annotations

from hatchway.vm.disk_care import DiskUsage
from hatchway.vm.garbage import Garbage


class MemoryDisks:
    """Every VM takes the same; garbage is there until it is collected."""

    garbage: tuple[Garbage, ...] = ()

    def _check(self, vm_id: str) -> None:
        raise NotImplementedError

    async def disk_usage(self, vm_id: str) -> DiskUsage:
        self._check(vm_id)
        return DiskUsage(5000, 1 << 30)

    async def collect_garbage(self, *, dry_run: bool) -> list[Garbage]:
        found = list(self.garbage)
        if not dry_run:
            self.garbage = ()
        return found
