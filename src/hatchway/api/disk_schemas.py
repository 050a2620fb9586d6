"""The bodies of requests and answers about disks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from hatchway.api.schemas import Answer, Body
from hatchway.vm import disk_care, garbage


class DiskUsage(Answer, frozen=True):
    """What a VM's files take."""

    bytes: Annotated[int, Meta(ge=0, description="Of the server's disk.")]
    limit: Annotated[int | None, Meta(description="The VM's disk_bytes; null: it has none.")]

    @classmethod
    def of(cls, usage: disk_care.DiskUsage) -> DiskUsage:
        """The answer for a record."""
        return cls(usage.bytes, usage.limit)


class CollectGarbage(Body):
    """What to do."""

    dry_run: Annotated[bool, Meta(description="Only say what would be removed.")] = False


class GarbageItem(Answer, frozen=True):
    """One thing that nobody owns any more."""

    kind: garbage.GarbageKind
    name: Annotated[str, Meta(description="The VM's id, or the software.")]
    bytes: Annotated[int, Meta(ge=0)]


class Collected(Answer, frozen=True):
    """What was removed, or would be."""

    dry_run: bool
    bytes: Annotated[int, Meta(ge=0, description="All of it together.")]
    items: list[GarbageItem]

    @classmethod
    def of(cls, found: Sequence[garbage.Garbage], *, dry_run: bool) -> Collected:
        """The answer for records."""
        items = [GarbageItem(each.kind, each.name, each.bytes) for each in found]
        return cls(dry_run, sum(each.bytes for each in items), items)
