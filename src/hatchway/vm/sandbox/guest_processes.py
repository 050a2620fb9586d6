"""What guest init tells of the processes in its VM, from /proc."""

from __future__ import annotations

import binascii
import json
import os
import time
from collections.abc import Collection, Iterator
from typing import NamedTuple

from hatchway.vm.sandbox.wire import Message

MAX_ARGUMENT_BYTES = 4096
"""How much of a process's arguments is told."""
MAX_NAME_BYTES = 64
"""Above what the kernel gives any process (15 bytes) or thread of its own."""

PAGE_BYTES = 128 * 1024
"""How much of one message processes may take: together with the rest it must fit (`wire.MAX_MESSAGE_BYTES`)."""
PAGE_PROCESSES = 128
"""How many are looked at for one answer, so that the next request does not wait for long."""

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_MEMORY_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATE, _PPID, _START, _RSS = 0, 1, 19, 21
"""Fields of /proc/pid/stat behind the process's name, which may hold anything (proc_pid_stat(5))."""


class _Stat(NamedTuple):
    """What /proc/pid/stat says."""

    name: bytes
    fields: list[bytes]


def youngest_age(workers: Collection[int] = ()) -> float | None:
    """Seconds since the youngest process but PID 1 began, those that its other processes started included.

    None if none runs. The dead that nobody has collected yet do not count.

    Args:
        workers: the pids of PID 1's own workers, which do not count either: none of them will ever serve anything.
    """
    starts = [
        int(stat.fields[_START])
        for pid in _pids()
        if pid != 1
        and pid not in workers
        and (stat := _stat(pid)) is not None
        and stat.fields[_STATE] not in {b"Z", b"X"}
    ]
    return _age(max(starts)) if starts else None


def stopped() -> frozenset[int]:
    """The processes that a signal has stopped."""
    return frozenset(
        pid for pid in _pids() if (stat := _stat(pid)) is not None and stat.fields[_STATE] == b"T"
    )


def others(workers: Collection[int]) -> list[int]:
    """Every process but PID 1 and its workers, the newest first."""
    return sorted((pid for pid in _pids() if pid != 1 and pid not in workers), reverse=True)


def command(pid: int, most: int) -> str:
    """The beginning of a process's arguments, base64 of what /proc/pid/cmdline says."""
    return _base64(_read(pid, "cmdline", most))


def page(after: int, workers: Collection[int] = ()) -> Message:
    """The processes with the lowest pids above `after`, as many as fit, and the highest pid there is now (`last`).

    None at all if there are no more.

    Args:
        after: a pid.
        workers: guest init's own children, which are no processes of the VM.
    """
    pids = sorted(pid for pid in _pids() if pid not in workers)
    told: list[Message] = []
    room = PAGE_BYTES
    for pid in pids:
        if pid <= after:
            continue
        process = _process(pid)
        if process is None:
            continue
        room -= len(json.dumps(process)) + 1
        if told and (room < 0 or len(told) == PAGE_PROCESSES):
            break
        told.append(process)
    return {"processes": told, "last": pids[-1]}


def _process(pid: int) -> Message | None:
    stat = _stat(pid)
    if stat is None:
        return None
    return {
        "pid": pid,
        "ppid": int(stat.fields[_PPID]),
        "state": stat.fields[_STATE].decode("ascii"),
        "age": _age(int(stat.fields[_START])),
        "memory": max(0, int(stat.fields[_RSS])) * _MEMORY_PAGE_BYTES,
        "name": _base64(stat.name[:MAX_NAME_BYTES]),
        "arguments": command(pid, MAX_ARGUMENT_BYTES),
    }


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdecimal())


def _age(start: int) -> float:
    """Seconds since a number of clock ticks after the machine's boot."""
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - start / _TICKS_PER_SECOND)


def _stat(pid: int) -> _Stat | None:
    """None if it has ended meanwhile."""
    before, _, behind = _read(pid, "stat", 4096).rpartition(b")")
    fields = behind.split()
    return _Stat(before.partition(b"(")[2], fields) if len(fields) > _RSS else None


def _read(pid: int, name: str, most: int) -> bytes:
    """The beginning of a file of /proc/pid; nothing if the process has ended meanwhile."""
    try:
        fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        return os.read(fd, most)
    except ProcessLookupError:
        return b""
    finally:
        os.close(fd)


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")
