"""Declared services, for the control API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from hatchway.store.services import Services
from hatchway.vm.manager import VmManager
from hatchway.vm.service_spec import ServiceInfo, ServiceSpec, check_service


class ServerServiceActions:
    """Implements `hatchway.api.service_actions.ServiceActions`."""

    _manager: VmManager
    _declared: Services

    async def declare_service(self, vm_id: str, spec: ServiceSpec, wait_seconds: float) -> ServiceInfo:
        """See `ServiceActions`."""
        check_service(spec)
        life = await self._manager.life(vm_id)
        await self._declared.put(vm_id, spec)
        async with self._manager.using(vm_id):
            # Shielded: it is declared, so it must be kept, whether or not whoever asked waits for it.
            service = await asyncio.shield(life.supervisor.declare(spec))
            try:
                async with asyncio.timeout(wait_seconds):
                    return await service.settled()
            except TimeoutError:
                return service.info

    async def list_services(self, vm_id: str) -> list[ServiceInfo]:
        """See `ServiceActions`."""
        return (await self._manager.life(vm_id)).supervisor.infos()

    async def get_service(self, vm_id: str, name: str) -> ServiceInfo:
        """See `ServiceActions`."""
        return (await self._manager.life(vm_id)).supervisor.get(name).info

    async def remove_service(self, vm_id: str, name: str) -> bool:
        """See `ServiceActions`."""
        life = await self._manager.life(vm_id)
        removed = await self._declared.remove(vm_id, name)
        await asyncio.shield(life.supervisor.remove(name))
        return removed

    @asynccontextmanager
    async def service_log(
        self, vm_id: str, name: str, *, follow: bool
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `ServiceActions`."""
        service = (await self._manager.life(vm_id)).supervisor.get(name)
        async with aclosing(service.log.read(follow=follow)) as pieces:
            yield pieces
