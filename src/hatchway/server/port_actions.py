"""The ports of VMs, for the control API."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hatchway.errors import Conflict, Unavailable
from hatchway.gateway.limits import GatewayLimits
from hatchway.vm.manager import VmManager
from hatchway.vm.records import ListeningPort

_OF_THE_GUEST = frozenset({"port_closed", "process_exited", "port_not_answering"})


class ServerPortActions:
    """Implements `hatchway.api.port_actions.PortActions`."""

    _manager: VmManager
    _limits: GatewayLimits

    async def list_ports(self, vm_id: str) -> list[ListeningPort]:
        """See `PortActions`."""
        life = await self._manager.life(vm_id)
        if life.state == "asleep":
            return []
        async with self._manager.using(vm_id) as machine:
            return await machine.ports()

    async def wait_for_port(self, vm_id: str, port: int, seconds: float) -> None:
        """See `PortActions`."""
        async with self._manager.using(vm_id) as machine:
            try:
                await machine.wait_for_port(port, seconds)
            except Unavailable as error:
                if error.code not in _OF_THE_GUEST:
                    raise
                # Nothing of ours has failed: what was asked for has not come.
                raise Conflict(error.code, error.message, error.hint, details=error.details) from None

    @asynccontextmanager
    async def connect(self, vm_id: str, port: int) -> AsyncIterator[socket.socket]:
        """See `PortActions`."""
        async with self._manager.using(vm_id) as machine:
            sock = await machine.dial(
                port,
                connect_seconds=self._limits.connect_seconds,
                wait_seconds=self._limits.wait_seconds,
            )
            with sock:
                yield sock
