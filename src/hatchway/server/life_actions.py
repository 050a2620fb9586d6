"""The life of VMs, for the control API."""

from __future__ import annotations

from hatchway.options import IdleOptions
from hatchway.vm.manager import VmManager
from hatchway.vm.records import VmInfo


class ServerLifeActions:
    """Implements `hatchway.api.life_actions.LifeActions`."""

    _manager: VmManager

    async def wake_vm(self, vm_id: str) -> VmInfo:
        """See `LifeActions`."""
        async with self._manager.using(vm_id):
            return await self._manager.get(vm_id)

    async def pause_vm(self, vm_id: str) -> VmInfo:
        """See `LifeActions`."""
        await self._manager.pause(vm_id)
        return await self._manager.get(vm_id)

    async def sleep_vm(self, vm_id: str) -> VmInfo:
        """See `LifeActions`."""
        await self._manager.sleep(vm_id)
        return await self._manager.get(vm_id)

    async def set_idle(self, vm_id: str, options: IdleOptions) -> VmInfo:
        """See `LifeActions`."""
        return await self._manager.set_idle(vm_id, options)
