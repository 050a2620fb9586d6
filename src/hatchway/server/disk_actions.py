"""Disks, for the control API."""

from __future__ import annotations

from hatchway.vm.disk_care import DiskUsage
from hatchway.vm.garbage import Garbage
from hatchway.vm.manager import VmManager


class ServerDiskActions:
    """Implements `hatchway.api.disk_actions.DiskActions`."""

    _manager: VmManager

    async def disk_usage(self, vm_id: str) -> DiskUsage:
        """See `DiskActions`."""
        kind = self._manager.machines.kind_of((await self._manager.get(vm_id)).name)
        return await self._manager.disks.usage(vm_id, kind.limits.disk_bytes)

    async def collect_garbage(self, *, dry_run: bool) -> list[Garbage]:
        """See `DiskActions`."""
        return await self._manager.disks.collect(dry_run=dry_run)
