"""The kernel calls that Python's `os` lacks, through ctypes. Linux on x86-64 and AArch64.

Each raises OSError with the errno and the name of what failed. Numbers and flags are the kernel's own
(`include/uapi/linux/`); the man page of each call is the reference.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Mapping, Sequence

_libc = ctypes.CDLL(None, use_errno=True)

# A raw clone() must not let go of the GIL between the two sides, just as os.fork() does not: PyDLL keeps it.
_libc_with_gil = ctypes.PyDLL(None, use_errno=True)

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x1, 0x2, 0x4, 0x8
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 0x2

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWTIME = 0x10000000, 0x20000000, 0x40000000, 0x80
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_IDMAP = 0x1, 0x2, 0x4, 0x100000
RESOLVE_NO_MAGICLINKS = 0x2
PROC_SUPER_MAGIC = 0x9FA0

_PR_SET_DUMPABLE, _PR_SET_NAME, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = (
    4,
    15,
    24,
    36,
    38,
)
_SECCOMP_SET_MODE_FILTER = 1
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = 1
_FSCONFIG_SET_FLAG, _FSCONFIG_SET_STRING, _FSCONFIG_CMD_CREATE = 0, 1, 6
_SIGCHLD = 17

# The calls added since Linux 5.0 have one number everywhere; the older ones do not.
_OPEN_TREE, _MOVE_MOUNT, _OPENAT2, _MOUNT_SETATTR = 428, 429, 437, 442
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_CLONE, _PIVOT_ROOT, _SECCOMP = {"x86_64": (56, 155, 317), "aarch64": (220, 41, 277)}.get(
    os.uname().machine, (-1, -1, -1)
)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2)."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        os.fsencode(data) if data else None,
    )
    _check(result, f"mount {kind or 'bind'} on {target}")


def pivot_root_here() -> None:
    """Make the current directory the root and let go of the old one (pivot_root(2), the form `pivot_root(".",
    ".")`).
    """
    _check(_libc.syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", MNT_DETACH), "umount the old root")
    os.chdir("/")


def clone_into_namespaces(flags: int) -> int:
    """fork(2) into new namespaces: 0 in the child, its pid in the parent.

    The child of a clone with CLONE_NEWPID is PID 1 of the new namespace at once; unshare(2) would need a second fork.
    Only for a process with one thread. The interpreter's own fork hooks run on both sides.
    """
    ctypes.pythonapi.PyOS_BeforeFork()
    pid: int = _libc_with_gil.syscall(_CLONE, ctypes.c_ulong(flags | _SIGCHLD), None, None, None, None)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    number = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, f"clone into new namespaces: {os.strerror(number)}")
    return pid


def unshare(flags: int) -> None:
    """unshare(2): move this process into new namespaces."""
    _check(_libc.unshare(flags), "unshare")


def open_tree(path: str) -> int:
    """A detached copy of the mount at `path`, without the mounts beneath it (open_tree(2)); an fd."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC
    return _check(_libc.syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags), "open_tree")


def set_mount_attributes(tree: int, attributes: int, user_namespace: int = 0) -> None:
    """mount_setattr(2) on a detached mount; `user_namespace` is an fd, used with MOUNT_ATTR_IDMAP."""
    attr = struct.pack("QQQQ", attributes, 0, 0, user_namespace)
    result = _libc.syscall(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, attr, ctypes.c_size_t(len(attr)))
    _check(result, "mount_setattr (idmapped mount)" if attributes & MOUNT_ATTR_IDMAP else "mount_setattr")


def move_mount(tree: int, target: str) -> None:
    """Attach a detached mount at `target` (move_mount(2))."""
    result = _libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    _check(result, f"move_mount to {target}")


def mount_detached(kind: str, strings: Mapping[str, str], flags: Sequence[str], attributes: int) -> int:
    """A new mount of a file system that is attached nowhere (fsopen(2), fsconfig(2), fsmount(2)); an fd.

    Args:
        kind: of the file system.
        strings: its options with a value; `source` is the device.
        flags: its options without.
        attributes: MOUNT_ATTR_*.
    """
    context = _check(_libc.syscall(_FSOPEN, kind.encode(), _FSOPEN_CLOEXEC), f"fsopen {kind}")
    try:
        for name, value in strings.items():
            result = _libc.syscall(
                _FSCONFIG, context, _FSCONFIG_SET_STRING, name.encode(), os.fsencode(value), 0
            )
            _check(result, f"fsconfig {name}")
        for name in flags:
            result = _libc.syscall(_FSCONFIG, context, _FSCONFIG_SET_FLAG, name.encode(), None, 0)
            _check(result, f"fsconfig {name}")
        _check(_libc.syscall(_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0), f"mount {kind}")
        return _check(_libc.syscall(_FSMOUNT, context, _FSMOUNT_CLOEXEC, attributes), "fsmount")
    finally:
        os.close(context)


def open_without_magic_links(path: bytes, flags: int, mode: int = 0, *, folder: int = _AT_FDCWD) -> int:
    """openat2(2) that follows symbolic links, but never those of /proc that jump to another file or root."""
    how = struct.pack("QQQ", flags | os.O_CLOEXEC, mode if flags & os.O_CREAT else 0, RESOLVE_NO_MAGICLINKS)
    return _check(_libc.syscall(_OPENAT2, folder, path, how, ctypes.c_size_t(len(how))), "open")


def is_procfs(fd: int) -> bool:
    """Whether `fd` lies on a procfs (fstatfs(2))."""
    buffer = ctypes.create_string_buffer(256)
    _check(_libc.fstatfs(fd, buffer), "fstatfs")
    magic: int = struct.unpack_from("l", buffer)[0]
    return magic == PROC_SUPER_MAGIC


def set_dumpable(dumpable: bool) -> None:
    """PR_SET_DUMPABLE: a process that is not dumpable cannot be traced, nor its memory and fds be read through
    /proc.
    """
    _check(_libc.prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


def set_process_name(name: str) -> None:
    """PR_SET_NAME: what `ps` shows in its comm column, at most 15 bytes."""
    _check(_libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0), "prctl(PR_SET_NAME)")


def become_subreaper() -> None:
    """PR_SET_CHILD_SUBREAPER: orphans below this process become its children."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")


def set_no_new_privileges() -> None:
    """PR_SET_NO_NEW_PRIVS: no execve gains privileges, for this process and all that come from it."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")


def drop_from_bounding_set(capability: int) -> None:
    """PR_CAPBSET_DROP."""
    _check(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl(PR_CAPBSET_DROP)")


def set_capabilities(mask: int) -> None:
    """capset(2): effective and permitted become `mask`, inheritable nothing. Bits are the numbers of
    capabilities(7).
    """
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = struct.pack("Ii", 0x20080522, 0)
    data = struct.pack("6I", low, low, 0, high, high, 0)
    _check(_libc.capset(header, data), "capset")


def install_seccomp_filter(program: bytes) -> None:
    """seccomp(2): the classic BPF `program` (8 bytes an instruction) filters this process and all that come from it."""
    instructions = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    _check(_libc.syscall(_SECCOMP, _SECCOMP_SET_MODE_FILTER, 0, fprog), "seccomp")


def set_host_name(name: str) -> None:
    """sethostname(2)."""
    encoded = name.encode()
    _check(_libc.sethostname(encoded, ctypes.c_size_t(len(encoded))), "sethostname")


def bring_up_loopback() -> None:
    """Set `lo` up (netdevice(7), SIOCSIFFLAGS); the kernel then gives it 127.0.0.1 and ::1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
        fcntl.ioctl(query, 0x8914, struct.pack("16sH22x", b"lo", 0x41))  # IFF_UP | IFF_RUNNING


def overwrite_command_line(text: str) -> None:
    """Replace what /proc/PID/cmdline shows, which any guest process may read, so that it holds no host path.

    The argument area lies between `arg_start` and `arg_end` of /proc/self/stat (proc(5), fields 48 and 49).
    """
    with open("/proc/self/stat", "rb") as stat:
        fields = stat.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    shown = text.encode()[: max(end - start - 1, 0)]
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, shown, len(shown))
