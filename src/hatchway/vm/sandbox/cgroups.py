"""Control groups of VMs: memory, processes and CPU weight, on cgroup v2, v1, and hosts with both.

Each VM has one group per hierarchy, below the group that the server itself is in or beside it, so that a limit
around the server (a container's, a slice's) holds for its VMs too. What this host or user may not use is
reported, not worked around: resource limits always hold. See Documentation/admin-guide/cgroup-v2.rst and
cgroup-v1/ of the kernel.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hatchway.options import Limits

CONTROLLERS = ("memory", "pids", "cpu")
_INSTANCE = re.compile(r"hatchway-(\d+)")
_UNESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Hierarchy:
    """One mounted hierarchy in which this process may make groups."""

    version: int
    base: Path
    """The group that the groups of VMs are made in."""
    controllers: frozenset[str]


@dataclass(frozen=True)
class GuestGroup:
    """The groups of one VM, one per hierarchy."""

    places: tuple[tuple[Hierarchy, Path], ...]

    @property
    def folders(self) -> list[Path]:
        """The folder of each group."""
        return [folder for _hierarchy, folder in self.places]

    def set_limits(self, limits: Limits) -> None:
        """Set what the processes in them may use together."""
        for hierarchy, folder in self.places:
            for file, value in _settings(hierarchy, limits):
                _write(folder / file, value)

    @property
    def procs_files(self) -> list[str]:
        """The files to write a pid to, so that the process and its children belong to the groups."""
        return [str(folder / "cgroup.procs") for folder in self.folders]

    def remove(self) -> bool:
        """Remove the groups; False if a process is still in one."""
        gone = True
        for folder in self.folders:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                gone = False
        return gone


class Cgroups:
    """The groups of one server's VMs."""

    def __init__(self, hierarchies: list[Hierarchy]) -> None:
        self._hierarchies = hierarchies
        self._instance = f"hatchway-{os.getpid()}-{time.monotonic_ns():x}"
        self._made_instances: list[Path] = []

    @classmethod
    def detect(cls, proc: Path = Path("/proc/self")) -> Cgroups:
        """The hierarchies of this host that this process can use."""
        own = dict(_own_groups((proc / "cgroup").read_text()))
        found = []
        for version, mount_point, options in _mounts((proc / "mountinfo").read_text()):
            names = options & set(CONTROLLERS) if version == 1 else {""}
            for name in names:
                group = Path(mount_point + own.get(name, "/"))
                hierarchy = _find_v1(group, name) if version == 1 else _find_v2(group, Path(mount_point))
                if hierarchy is not None and hierarchy.controllers:
                    found.append(hierarchy)
        return cls(found)

    @property
    def controllers(self) -> frozenset[str]:
        """Which of `CONTROLLERS` can be enforced."""
        return frozenset().union(*(hierarchy.controllers for hierarchy in self._hierarchies))

    def create(self, name: str, limits: Limits) -> GuestGroup:
        """Make the groups of a VM and set its limits."""
        if not self._made_instances:
            self._make_instances()
        places = []
        for hierarchy, instance in zip(self._hierarchies, self._made_instances, strict=True):
            folder = instance / name
            folder.mkdir(exist_ok=True)
            places.append((hierarchy, folder))
        group = GuestGroup(tuple(places))
        group.set_limits(limits)
        return group

    def close(self) -> None:
        """Remove what is empty; called when no VM runs any more."""
        for instance in self._made_instances:
            _remove_empty(instance)
        self._made_instances = []

    def _make_instances(self) -> None:
        for hierarchy in self._hierarchies:
            for old in hierarchy.base.glob("hatchway-*"):
                match = _INSTANCE.match(old.name)
                if match and not os.path.exists(f"/proc/{match[1]}"):
                    _remove_empty(old)  # of a server that was killed
            instance = hierarchy.base / self._instance
            instance.mkdir(exist_ok=True)
            if hierarchy.version == 2:
                for name in sorted(hierarchy.controllers):
                    _write(instance / "cgroup.subtree_control", f"+{name}")
            self._made_instances.append(instance)


def _own_groups(text: str) -> Iterator[tuple[str, str]]:
    """(controller, path) of /proc/self/cgroup (cgroups(7)); the controller of v2 is the empty string."""
    for line in text.splitlines():
        _number, names, path = line.split(":", 2)
        for name in names.split(","):
            yield name, path.rstrip("/")


def _mounts(text: str) -> Iterator[tuple[int, str, set[str]]]:
    """(version, mount point, super options) of the cgroup mounts in /proc/self/mountinfo (proc(5))."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind, _source, options = after.split(" ", 2)
        if kind in {"cgroup", "cgroup2"}:
            mount_point = _UNESCAPE.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4])
            yield (1 if kind == "cgroup" else 2), mount_point, set(options.split(","))


def _find_v1(group: Path, controller: str) -> Hierarchy | None:
    return Hierarchy(1, group, frozenset({controller})) if _may_use(group) else None


def _find_v2(group: Path, mount_point: Path) -> Hierarchy | None:
    """In our own group, or beside it: only a group without processes may hand controllers down to others.

    See cgroup-v2.rst, "No Internal Process Constraint". The group above ours hands down already what ours has.
    """
    places = [(group, True)] + ([(group.parent, False)] if group != mount_point else [])
    found = [
        Hierarchy(2, place, _handed_down(place, may_enable))
        for place, may_enable in places
        if _may_use(place)
    ]
    return max(found, key=lambda hierarchy: len(hierarchy.controllers), default=None)


def _handed_down(group: Path, may_enable: bool) -> frozenset[str]:
    enabled = set((group / "cgroup.subtree_control").read_text().split())
    if may_enable:
        available = set((group / "cgroup.controllers").read_text().split())
        for name in sorted((available & set(CONTROLLERS)) - enabled):
            try:
                _write(group / "cgroup.subtree_control", f"+{name}")
            except OSError:
                continue
            enabled.add(name)
    return frozenset(enabled & set(CONTROLLERS))


def _may_use(group: Path) -> bool:
    return os.access(group, os.W_OK) and os.access(group / "cgroup.procs", os.W_OK)


def _settings(hierarchy: Hierarchy, limits: Limits) -> Iterator[tuple[str, str]]:
    wanted: Mapping[str, list[tuple[str, str]]]
    if hierarchy.version == 2:
        wanted = {
            "memory": [("memory.max", str(limits.memory_bytes)), ("memory.oom.group", "0")],
            "pids": [("pids.max", str(limits.processes))],
            "cpu": [("cpu.weight", str(limits.cpu_weight))],
        }
    else:
        wanted = {
            "memory": [("memory.limit_in_bytes", str(limits.memory_bytes))],
            "pids": [("pids.max", str(limits.processes))],
            "cpu": [("cpu.shares", str(max(2, limits.cpu_weight * 1024 // 100)))],
        }
    for name in sorted(hierarchy.controllers):
        yield from wanted[name]


def _remove_empty(folder: Path) -> None:
    try:
        for child in folder.iterdir():
            if child.is_dir():
                child.rmdir()
        folder.rmdir()
    except OSError:
        pass  # a process is still in one; the next server of this host removes it


def _write(path: Path, text: str) -> None:
    path.write_text(text)
