"""What a VM's files take of the server's disk."""

from __future__ import annotations

import msgspec

from hatchway.client import disk_answers
from hatchway.client.aio.transport import Transport
from hatchway.client.aio.vm_calls import VmActions


class _DiskUsage(msgspec.Struct):
    """The answer to `GET …/disk`."""

    bytes: int
    limit: int | None


class _Garbage(msgspec.Struct):
    kind: disk_answers.GarbageKind
    name: str
    bytes: int


class _Collected(msgspec.Struct):
    """The answer to `POST /api/gc`."""

    items: list[_Garbage]


class Disk(VmActions):
    """The part of an agent about its disk."""

    async def disk_usage(self) -> disk_answers.DiskUsage:
        """What the VM's files take of the server's disk, and what they may. Does not start it.

        Counts what is allocated, with whatever of deleted files has not been given back yet.
        """
        answer = await self._vm.call("GET", "/disk", _DiskUsage)
        return disk_answers.DiskUsage(answer.bytes, answer.limit)


async def collect_garbage(transport: Transport, *, dry_run: bool) -> list[disk_answers.Garbage]:
    """Have the server remove what nobody owns; or, with `dry_run`, tell what it would."""
    answer = await transport.call("POST", "/api/gc", _Collected, body={"dry_run": dry_run}, patient=True)
    return [disk_answers.Garbage(each.kind, each.name, each.bytes) for each in answer.items]
