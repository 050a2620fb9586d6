"""The part of `Services` about disks."""

from __future__ import annotations

from typing import Protocol

from hatchway.vm.disk_care import DiskUsage
from hatchway.vm.garbage import Garbage


class DiskActions(Protocol):
    """What can be asked about the disks of VMs."""

    async def disk_usage(self, vm_id: str) -> DiskUsage:
        """What a VM's files take of the disk. It is not started."""
        ...

    async def collect_garbage(self, *, dry_run: bool) -> list[Garbage]:
        """Remove what nobody owns any more, or only say what that is.

        Raises:
            Unavailable: `storage_failed`.
        """
        ...
