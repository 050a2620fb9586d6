"""What calls about disks return: plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GarbageKind = Literal["vm_folder", "service_logs", "unfinished_layer"]


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """What a VM's files take."""

    bytes: int
    """Of the server's disk."""
    limit: int | None
    """What they may take; None: there is no limit of the VM's own."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """One thing that nobody owned any more."""

    kind: GarbageKind
    """`vm_folder`: the files of a VM that there is not. `service_logs`: what its services wrote.
    `unfinished_layer`: what a killed fetch of software left."""
    name: str
    """The VM's id, or the software."""
    bytes: int
    """What it takes of the server's disk."""
