"""What a VM's life depends on of the traffic into it: the gateway knows it."""

from __future__ import annotations

from collections.abc import Set
from typing import Protocol


class Traffic(Protocol):
    """The connections into VMs."""

    def busy_vms(self) -> Set[str]:
        """The VMs into which a connection is in use: a request is under way on it, or it is a tunnel."""
        ...

    def forget_vm(self, vm_id: str) -> None:
        """Drop every connection into a VM, those in use too."""
        ...


class NoTraffic:
    """There is nothing that relays any."""

    def busy_vms(self) -> Set[str]:
        """None."""
        return frozenset()

    def forget_vm(self, vm_id: str) -> None:
        """Nothing."""
