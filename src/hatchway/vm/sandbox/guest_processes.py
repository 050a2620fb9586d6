"""What guest init tells of the processes in its VM."""

from __future__ import annotations

import os
import time
from collections.abc import Collection

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_STATE, _START = 0, 19
"""Fields of /proc/pid/stat behind the process's name, which may hold anything (proc_pid_stat(5))."""


def youngest_age(workers: Collection[int] = ()) -> float | None:
    """Seconds since the youngest process but PID 1 began, those that its other processes started included.

    None if none runs. The dead that nobody has collected yet do not count.

    Args:
        workers: the pids of PID 1's own workers, which do not count either: none of them will ever serve anything.
    """
    starts = []
    for pid in os.listdir("/proc"):
        if pid.isdecimal() and pid != "1" and int(pid) not in workers:
            fields = _stat(pid)
            if len(fields) > _START and fields[_STATE] not in {b"Z", b"X"}:
                starts.append(int(fields[_START]))
    if not starts:
        return None
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - max(starts) / _TICKS_PER_SECOND)


def _stat(pid: str) -> list[bytes]:
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return []  # it has ended meanwhile
    try:
        return os.read(fd, 4096).rpartition(b")")[2].split()
    except ProcessLookupError:
        return []
    finally:
        os.close(fd)
