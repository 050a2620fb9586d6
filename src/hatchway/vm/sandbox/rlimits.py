"""Resource limits that hold on every kernel and without root (getrlimit(2)): set once, inherited by every guest
process.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping

RLIMITS = {
    "processes": resource.RLIMIT_NPROC,
    "file_bytes": resource.RLIMIT_FSIZE,
    "open_files": resource.RLIMIT_NOFILE,
    "core_bytes": resource.RLIMIT_CORE,
    "locked_bytes": resource.RLIMIT_MEMLOCK,
}


def apply(limits: Mapping[str, int]) -> None:
    """Set soft and hard limits by the names in `RLIMITS`, never above what this process may have.

    To be called inside the guest's user namespace. The kernel counts processes there for each namespace, and against
    RLIMIT_NPROC as it was outside when the namespace was made it counts all of the user's on the host (ucounts;
    setrlimit(2)): set before, it would be one limit for all VMs of an ordinary user and whatever else that user runs.
    """
    for name, wanted in limits.items():
        which = RLIMITS[name]
        hard = resource.getrlimit(which)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (value, value))
