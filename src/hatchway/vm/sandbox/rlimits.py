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

    RLIMIT_NPROC must be set before the user namespace is made: the kernel takes the namespace's bound from it then
    (user_namespaces(7), ucounts), so that it counts this VM's processes and no other's.
    """
    for name, wanted in limits.items():
        which = RLIMITS[name]
        hard = resource.getrlimit(which)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (value, value))
