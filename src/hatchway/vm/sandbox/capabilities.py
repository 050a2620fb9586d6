"""Which capabilities guest root keeps, within its own user namespace (capabilities(7)).

What package managers and servers need to work as root on their own files, and nothing that reaches the kernel: no
SYS_ADMIN, SYS_PTRACE, NET_ADMIN, NET_RAW, SYS_CHROOT, MKNOD or SETFCAP.
"""

from __future__ import annotations

from hatchway.vm.sandbox import syscalls

CAP_CHOWN = 0
CAP_DAC_OVERRIDE = 1
CAP_FOWNER = 3
CAP_FSETID = 4
CAP_KILL = 5
CAP_SETGID = 6
CAP_SETUID = 7
CAP_NET_BIND_SERVICE = 10

KEPT = frozenset(
    {
        CAP_CHOWN,
        CAP_DAC_OVERRIDE,
        CAP_FOWNER,
        CAP_FSETID,
        CAP_KILL,
        CAP_SETGID,
        CAP_SETUID,
        CAP_NET_BIND_SERVICE,
    }
)

_LAST_CAP_FILE = "/proc/sys/kernel/cap_last_cap"


def last_capability() -> int:
    """The highest capability number this kernel knows."""
    with open(_LAST_CAP_FILE, "rb") as file:
        return int(file.read())


def drop_from_bounding_set_all_but(kept: frozenset[int], last: int) -> None:
    """Let no later execve bring back any capability but `kept`. What this process has now stays for now."""
    for capability in range(last + 1):
        if capability not in kept:
            syscalls.drop_from_bounding_set(capability)


def keep_only(kept: frozenset[int]) -> None:
    """Give up every capability but `kept`."""
    syscalls.set_capabilities(sum(1 << capability for capability in kept))
