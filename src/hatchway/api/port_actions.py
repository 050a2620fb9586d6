"""What the control API needs for the ports of VMs."""

from __future__ import annotations

import socket
from contextlib import AbstractAsyncContextManager
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

    def connect(self, vm_id: str, port: int) -> AbstractAsyncContextManager[socket.socket]:
        """A connection to a service in a VM, non-blocking, closed in the end. One that is just starting is waited for.

        Raises:
            Unavailable: `port_closed` or `process_exited` (502), `port_not_answering` (504).
        """
        ...
