"""Which host ids a root server gives its VMs: a range of 65,536 per slot, clear of what the host has given
others. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

FIRST_UID = 1_000_000
UID_RANGE = 65_536
PROBE_SLOT = 60_001
"""The slot of the VM that proves isolation when a server starts; stored VMs have lower ones."""


def first_uid(slot: int) -> int:
    """The host id that guest root has in the VM of this slot."""
    return FIRST_UID + UID_RANGE * slot


def parse_subordinate_ids(text: str) -> Iterator[range]:
    """The ranges in a /etc/subuid or /etc/subgid (subuid(5)): lines of `name:first:count`; other lines are skipped."""
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) == 3 and fields[1].isdecimal() and fields[2].isdecimal():
            first, count = int(fields[1]), int(fields[2])
            yield range(first, first + count)


def overlaps_any(given: list[range]) -> Callable[[int], bool]:
    """Whether a slot's range has an id in common with one of `given`: such a slot is not used."""

    def taken(slot: int) -> bool:
        first = first_uid(slot)
        return any(first < other.stop and other.start < first + UID_RANGE for other in given)

    return taken
