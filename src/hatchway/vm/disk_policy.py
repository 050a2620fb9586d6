"""Which VMs may not go on writing, where no disk of an exact size holds them. Pure.

A VM that is over its limit but does not grow is left alone: somebody may be about to delete something in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hatchway.options import GIB, MIB

GROWTH_BYTES = MIB
"""What a VM may grow by, from one measure to the next, without being taken for one that grows."""
RESERVE_BYTES = GIB
RESERVE_SHARE = 20
"""The reserve is `RESERVE_BYTES`, or on a small disk one part in so many of it."""
INODE_SHARE = 50
"""One in so many of the files that a file system can have is kept as well."""
LAST_SHARE = 4
"""Once less than one part in so many of the reserve is left, it matters no more who takes it."""


@dataclass(frozen=True, slots=True)
class Room:
    """What the file system of the data folder has for this user."""

    total: int
    """Bytes."""
    free: int
    """Bytes."""
    inodes: int = 0
    """How many files it can have; 0: as many as there is room for."""
    free_inodes: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What one VM's files take."""

    vm_id: str
    before: int | None
    """As it was measured before, since the VM started; below the reserve, since then. None: never."""
    now: int
    limit: int | None
    """Its `disk_bytes`, if nothing else holds it."""


def reserve_of(room: Room) -> int:
    """The bytes that a file system keeps for others than VMs, unless a setting says otherwise."""
    return min(RESERVE_BYTES, room.total // RESERVE_SHARE)


def is_low(room: Room, reserve: int) -> bool:
    """Whether VMs may not take more: the API's writes are refused. Files without content count, too."""
    return reserve > 0 and (room.free < reserve or room.free_inodes < room.inodes // INODE_SHARE)


def is_nearly_out(room: Room, reserve: int) -> bool:
    """Whether so little of the reserve is left that every VM has to stop if it shrinks further, however slowly."""
    return room.free < reserve // LAST_SHARE


def too_large(measured: Iterable[Measured], *, low: bool) -> list[Measured]:
    """Those that have to stop.

    Args:
        measured: VMs that run.
        low: whether the host is below its reserve: then whichever grows has to stop.
    """
    stopping = []
    for each in measured:
        if each.before is None:
            continue
        over = each.limit is not None and each.now > each.limit and each.now > each.before
        if over or (low and each.now > each.before + GROWTH_BYTES):
            stopping.append(each)
    return stopping
