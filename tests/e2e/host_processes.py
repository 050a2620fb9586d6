"""Processes as the host sees them, read from /proc (proc_pid_stat(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostProcess:
    """A process, told apart from a later one with the same pid."""

    pid: int
    started: int
    """Clock ticks after the machine's boot."""

    @property
    def runs(self) -> bool:
        """Whether it still exists and is no zombie."""
        found = _read(self.pid)
        return found is not None and found.started == self.started and found.state not in "ZX"


@dataclass(frozen=True, slots=True)
class _Stat:
    parent: int
    state: str
    started: int


def descendants(pid: int) -> set[HostProcess]:
    """Every process below `pid`, zombies included."""
    children: dict[int, list[HostProcess]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (found := _read(int(name))) is not None:
            children.setdefault(found.parent, []).append(HostProcess(int(name), found.started))
    below: set[HostProcess] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in below:
                below.add(child)
                waiting.append(child.pid)
    return below


def guests(pid: int) -> set[HostProcess]:
    """The processes below `pid` that are in VMs.

    Those have a pid in another namespace too (pid_namespaces(7)), and a mount namespace of their own: a guest init that
    is kept ready for a VM to come does not have that yet.
    """
    return {
        each for each in descendants(pid) if _namespaces(each.pid) > 1 and not _shares_our_mounts(each.pid)
    }


def _shares_our_mounts(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
    except OSError:
        return False  # gone, or so well protected that it must be a guest


def _namespaces(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return next(len(line.split()) - 1 for line in file if line.startswith(b"NSpid:"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def zombies(pid: int) -> set[int]:
    """The pids of zombies below `pid`."""
    return {
        each.pid for each in descendants(pid) if (found := _read(each.pid)) is not None and found.state == "Z"
    }


def open_fds(pid: int) -> list[str]:
    """What the file descriptors of `pid` lead to."""
    targets = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            targets.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass  # closed meanwhile
    return targets


def _read(pid: int) -> _Stat | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in parentheses, which may itself hold spaces and parentheses.
    fields = text[text.rindex(b")") + 2 :].split()
    return _Stat(int(fields[1]), fields[0].decode(), int(fields[19]))
