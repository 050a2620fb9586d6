"""What the control API needs for the ports of VMs."""

from __future__ import annotations

from typing import Protocol

from hatchway.vm.records import ListeningPort


class PortActions(Protocol):
    """Part of `hatchway.api.services.Services`, by whose rules it goes."""

    async def list_ports(self, vm_id: str) -> list[ListeningPort]:
        """The TCP ports that are listened on in a VM, lowest first. One that is asleep has none, and is not woken."""
        ...

    async def wait_for_port(self, vm_id: str, port: int, seconds: float) -> None:
        """Wait until something in a VM accepts connections on a port.

        Raises:
            Conflict: `port_closed`, `process_exited`, `port_not_answering`.
        """
        ...
