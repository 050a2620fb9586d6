"""What the control API needs for the life of VMs."""

from __future__ import annotations

from typing import Protocol

from hatchway.options import IdleOptions
from hatchway.vm.records import VmInfo


class LifeActions(Protocol):
    """Part of `hatchway.api.services.Services`, by whose rules it goes."""

    async def wake_vm(self, vm_id: str) -> VmInfo:
        """Boot or resume a VM; running already is fine."""
        ...

    async def pause_vm(self, vm_id: str) -> VmInfo:
        """Freeze a VM; paused or asleep already is fine.

        Raises:
            Conflict: `vm_in_use`.
        """
        ...

    async def sleep_vm(self, vm_id: str) -> VmInfo:
        """End a VM's processes and keep its disk; asleep already is fine."""
        ...

    async def set_idle(self, vm_id: str, options: IdleOptions) -> VmInfo:
        """Set after how long without use a VM is paused and put to sleep."""
        ...
