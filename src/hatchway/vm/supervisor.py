"""The declared services of one VM: kept running while it runs, started again when it wakes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from hatchway.errors import NotFound
from hatchway.vm.event_log import EventLog
from hatchway.vm.machine import Machine
from hatchway.vm.managed_service import ManagedService
from hatchway.vm.service_log import ServiceLog
from hatchway.vm.service_spec import ServiceInfo, ServiceSpec


class Supervisor:
    """The services of one VM. What is declared is kept by the store; `load` brings it here.

    Args:
        logs: the folder of their logs.
        events: told of their states.
    """

    def __init__(self, logs: Path, events: EventLog) -> None:
        self._logs = logs
        self._events = events
        self._services: dict[str, ManagedService] = {}
        self._machine: Machine | None = None

    def load(self, specs: Iterable[ServiceSpec]) -> None:
        """The services that there are, before any is known here."""
        self._services = {spec.name: self._make(spec) for spec in specs}

    def start(self, machine: Machine) -> None:
        """Keep them running in `machine`, which has just booted."""
        self._machine = machine
        for service in self._services.values():
            service.start(machine)

    def abandon(self) -> list[asyncio.Task[None]]:
        """Keep them no longer: the VM has ended, or is about to. Returns the tasks that are on their way out."""
        self._machine = None
        tasks = [service.abandon() for service in self._services.values()]
        return [task for task in tasks if task is not None]

    async def stop(self) -> None:
        """As `abandon`, and wait until nothing is under way."""
        await asyncio.gather(*self.abandon(), return_exceptions=True)

    def expects(self, port: int) -> bool:
        """Whether a service is about to listen on `port`."""
        return any(each.spec.port == port and each.is_expected for each in self._services.values())

    def infos(self) -> list[ServiceInfo]:
        """How each of them is, by name."""
        return [self._services[name].info for name in sorted(self._services)]

    def get(self, name: str) -> ManagedService:
        """The service with this name.

        Raises:
            NotFound: `service_not_found`.
        """
        service = self._services.get(name)
        if service is None:
            raise service_not_found(name)
        return service

    async def declare(self, spec: ServiceSpec) -> ManagedService:
        """Begin to keep a service, or another in its place; the same one that is well is left alone."""
        known = self._services.get(spec.name)
        if known is not None and known.spec == spec and known.info.state in {"ready", "starting", "waiting"}:
            return known
        if known is not None:
            await known.stop(self._machine)
        service = self._services[spec.name] = self._make(spec, known)
        if self._machine is not None:
            service.start(self._machine)
        return service

    async def remove(self, name: str) -> None:
        """Keep a service no longer, end its process and delete its log. None of that name is fine."""
        service = self._services.pop(name, None)
        if service is not None:
            await service.stop(self._machine)
            service.log.remove()

    def _make(self, spec: ServiceSpec, before: ManagedService | None = None) -> ManagedService:
        log = before.log if before is not None else ServiceLog(self._logs / f"{spec.name}.log")
        return ManagedService(spec, log, self._events)


def service_not_found(name: str) -> NotFound:
    """The error for a name that no service has."""
    return NotFound(
        "service_not_found",
        f"no service {name!r} is declared in this VM",
        "list the VM's services for those there are",
    )
