"""What nobody owns any more in a data folder and a cache: found, measured, removed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hatchway.software.layers import leftovers
from hatchway.store.vms import ID_LENGTH
from hatchway.vm.sandbox import disk
from hatchway.vm.sandbox.disk_usage import measure
from hatchway.vm.service_log import remove_logs

GarbageKind = Literal["vm_folder", "service_logs", "unfinished_layer"]
"""`vm_folder`: the files of a VM that there is not. `service_logs`: what its services wrote. `unfinished_layer`: what a
killed fetch of software left."""

_VM_FOLDER = re.compile(rf"([a-z0-9]{{{ID_LENGTH}}})(\.[0-9a-f]+)*")


@dataclass(frozen=True, slots=True)
class Garbage:
    """One thing that can go."""

    kind: GarbageKind
    name: str
    """The VM's id, or the software."""
    bytes: int
    """What it takes of the disk."""


def vm_ids(vms: Path) -> set[str]:
    """The VMs that have a folder, or what an interrupted removal left of one; nothing else that is there."""
    try:
        names = os.listdir(vms)
    except OSError:
        return set()
    return {found[1] for name in names if (found := _VM_FOLDER.fullmatch(name))}


def measure_vm(vms: Path, vm_id: str, is_stopped: Callable[[], bool] = bool) -> int:
    """The bytes that a VM's folder takes, with what an interrupted removal left of it."""
    return sum(
        measure(vms / name, is_stopped)
        for name in os.listdir(vms)
        if name == vm_id or name.startswith(f"{vm_id}.")
    )


def collect_folders(vms: Path, orphans: Iterable[str], *, dry_run: bool) -> list[Garbage]:
    """Measure the folders of VMs that there are not, and remove them unless `dry_run`. Blocks.

    Raises:
        OSError: one could not be removed.
    """
    found = []
    for vm_id in sorted(vm_ids(vms).intersection(orphans)):
        found.append(Garbage("vm_folder", vm_id, measure_vm(vms, vm_id)))
        if not dry_run:
            disk.remove(vms / vm_id)
    return found


def collect_logs(logs: Path, orphans: Iterable[str], *, dry_run: bool) -> list[Garbage]:
    """As `collect_folders`, with the logs of the VMs' services. Blocks."""
    found = []
    for vm_id in sorted(vm_ids(logs).intersection(orphans)):
        found.append(Garbage("service_logs", vm_id, measure(logs / vm_id)))
        if not dry_run:
            remove_logs(logs / vm_id)
    return found


def collect_layers(cache_dir: Path, *, dry_run: bool) -> list[Garbage]:
    """Measure what killed fetches left in the cache of software, and remove it unless `dry_run`. Blocks.

    Whole layers stay: a VM of any server of this user may stand on them.
    """
    return [
        Garbage("unfinished_layer", name, size) for name, size in leftovers(cache_dir, remove=not dry_run)
    ]
