"""The system calls a guest may not make, as a classic BPF program (seccomp(2)). Pure.

A deny list: a guest runs ordinary programs, and namespaces and capabilities hold most doors already. Closed
here is what reaches wide into the kernel, or would let a process leave or remake its namespaces:

- the mount API old and new, namespaces (unshare, setns, clone with namespace flags), keyrings, bpf, perf,
  kexec, modules, io_uring, userfaultfd, open_by_handle_at, fanotify, the kernel log;
- clone3 answers ENOSYS, so that libc falls back to clone, whose flags are an argument that a filter can see;
- sockets other than UNIX, IPv4, IPv6 and netlink: AF_VSOCK, for one, knows no namespaces and would reach the
  hypervisor;
- the x32 calls, and every call of another architecture, which would pass under other numbers.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Mapping
from typing import NamedTuple

NAMESPACE_FLAGS = (
    0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x80
)
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME."""

ALLOWED_SOCKET_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK."""


class Architecture(NamedTuple):
    """What differs from one architecture to another."""

    audit: int
    """AUDIT_ARCH_* of linux/audit.h."""
    denied: Mapping[str, int]
    """Calls that answer EPERM."""
    clone: int
    socket: int
    x32: bool
    """Whether numbers from 0x40000000 on are calls of another ABI (x86-64's x32)."""


# Calls since Linux 5.0 have the same number on every architecture.
_DENIED_EVERYWHERE = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "open_tree_attr": 467,
}
_CLONE3 = 435

X86_64 = Architecture(
    audit=0xC000003E,
    denied={
        "syslog": 103,
        "pivot_root": 155,
        "acct": 163,
        "mount": 165,
        "umount2": 166,
        "swapon": 167,
        "swapoff": 168,
        "reboot": 169,
        "init_module": 175,
        "delete_module": 176,
        "quotactl": 179,
        "kexec_load": 246,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "unshare": 272,
        "perf_event_open": 298,
        "fanotify_init": 300,
        "open_by_handle_at": 304,
        "setns": 308,
        "finit_module": 313,
        "kexec_file_load": 320,
        "bpf": 321,
        "userfaultfd": 323,
        **_DENIED_EVERYWHERE,
    },
    clone=56,
    socket=41,
    x32=True,
)

AARCH64 = Architecture(
    audit=0xC00000B7,
    denied={
        "umount2": 39,
        "mount": 40,
        "pivot_root": 41,
        "quotactl": 60,
        "acct": 89,
        "unshare": 97,
        "kexec_load": 104,
        "init_module": 105,
        "delete_module": 106,
        "syslog": 116,
        "reboot": 142,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "swapon": 224,
        "swapoff": 225,
        "perf_event_open": 241,
        "fanotify_init": 262,
        "open_by_handle_at": 265,
        "setns": 268,
        "finit_module": 273,
        "bpf": 280,
        "userfaultfd": 282,
        "kexec_file_load": 294,
        **_DENIED_EVERYWHERE,
    },
    clone=220,
    socket=198,
    x32=False,
)

ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT_LOW = 0, 4, 16  # offsets in struct seccomp_data, little endian

KILL_PROCESS = 0x80000000
ALLOW = 0x7FFF0000
_ERRNO = 0x00050000


def refuse(number: int) -> int:
    """The filter's answer that makes the call fail with errno `number`."""
    return _ERRNO | number


def build_filter(architecture: Architecture | None = None) -> bytes:
    """The filter program for an architecture (this machine's by default).

    Raises:
        KeyError: this machine's architecture is not one of `ARCHITECTURES`.
    """
    arch = architecture or ARCHITECTURES[os.uname().machine]
    instructions: list[tuple[int, int, int, int]] = []

    def emit(code: int, if_true: int, if_false: int, value: int) -> None:
        instructions.append((code, if_true, if_false, value))

    emit(_LOAD, 0, 0, _ARCHITECTURE)
    emit(_JUMP_EQUAL, 1, 0, arch.audit)
    emit(_RETURN, 0, 0, KILL_PROCESS)
    emit(_LOAD, 0, 0, _NUMBER)
    if arch.x32:
        emit(_JUMP_AT_LEAST, 0, 1, 0x40000000)
        emit(_RETURN, 0, 0, refuse(errno.ENOSYS))
    for number in sorted(arch.denied.values()):
        emit(_JUMP_EQUAL, 0, 1, number)
        emit(_RETURN, 0, 0, refuse(errno.EPERM))
    emit(_JUMP_EQUAL, 0, 1, _CLONE3)
    emit(_RETURN, 0, 0, refuse(errno.ENOSYS))
    # clone's flags are its first argument on both architectures.
    emit(_JUMP_EQUAL, 0, 4, arch.clone)
    emit(_LOAD, 0, 0, _FIRST_ARGUMENT_LOW)
    emit(_JUMP_ANY_BIT, 0, 1, NAMESPACE_FLAGS)
    emit(_RETURN, 0, 0, refuse(errno.EPERM))
    emit(_RETURN, 0, 0, ALLOW)
    families = len(ALLOWED_SOCKET_FAMILIES)
    emit(_JUMP_EQUAL, 0, families + 2, arch.socket)
    emit(_LOAD, 0, 0, _FIRST_ARGUMENT_LOW)
    for index, family in enumerate(ALLOWED_SOCKET_FAMILIES):
        emit(_JUMP_EQUAL, families - index, 0, family)
    emit(_RETURN, 0, 0, refuse(errno.EAFNOSUPPORT))
    emit(_RETURN, 0, 0, ALLOW)
    return b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
