"""What the control API needs for declared services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from hatchway.vm.service_spec import ServiceInfo, ServiceSpec


class ServiceActions(Protocol):
    """Part of `hatchway.api.services.Services`, by whose rules it goes."""

    async def declare_service(self, vm_id: str, spec: ServiceSpec, wait_seconds: float) -> ServiceInfo:
        """Declare a service, or another in the place of the one of its name, and start it; the VM wakes for it.

        Args:
            vm_id: the VM.
            spec: the service.
            wait_seconds: how long to wait until it is ready or has failed.

        Raises:
            InvalidRequest: `invalid_service`, `invalid_port`.
            Conflict: `too_many_services`.
        """
        ...

    async def list_services(self, vm_id: str) -> list[ServiceInfo]:
        """The declared services of a VM, by name. Does not wake it."""
        ...

    async def get_service(self, vm_id: str, name: str) -> ServiceInfo:
        """One of them.

        Raises:
            NotFound: `service_not_found`.
        """
        ...

    async def remove_service(self, vm_id: str, name: str) -> bool:
        """Declare a service no longer, end it and delete its log. False if there was none."""
        ...

    def service_log(
        self, vm_id: str, name: str, *, follow: bool
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """What a service has written, as far as it is kept; entering raises what stands in the way.

        Args:
            vm_id: the VM. It is not woken.
            name: the service.
            follow: go on with what it writes, until it is removed.

        Raises:
            NotFound: `service_not_found`.
        """
        ...
