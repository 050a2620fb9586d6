"""What guest init tells of the TCP ports that are listened on in its VM.

It asks by `sock_diag`; a kernel without that has them in /proc/net. Both are of the asker's own network namespace
(proc_pid_net(5)), so nothing of the host is in them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterator

from hatchway.vm.sandbox import guest_processes, sock_diag
from hatchway.vm.sandbox.sock_diag import Listener
from hatchway.vm.sandbox.wire import Message

MAX_PORTS = 256
"""How many are told: with their commands they must fit into one message (`wire.MAX_MESSAGE_BYTES`)."""
MAX_COMMAND_BYTES = 256
MAX_FDS = 50_000
"""How many open files are looked at for the processes that listen, so that the next request does not wait for long."""

_TABLES = {4: "/proc/net/tcp", 6: "/proc/net/tcp6"}
_LISTEN = b"0A"
"""TCP_LISTEN (include/net/tcp_states.h)."""


def parse_table(text: bytes, family: int) -> Iterator[Listener]:
    """The sockets that listen, of /proc/net/tcp or tcp6. Pure.

    Addresses are printed as 32-bit words in the machine's own order of bytes (proc_pid_net(5)), which is little-endian
    on all machines that are supported.
    """
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        address, _, port = fields[1].partition(b":")
        words = bytes.fromhex(address.decode("ascii"))
        packed = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        yield Listener(family, socket.inet_ntop(kind, packed), int(port, 16), int(fields[9]))


def listening(workers: Collection[int] = ()) -> Message:
    """The ports that are listened on, lowest first, each with the process that does if that can be seen.

    Args:
        workers: the pids of guest init's own workers, which do not listen.
    """
    found = sorted((*_listeners(4), *_listeners(6)), key=lambda each: (each.port, each.family, each.address))[
        :MAX_PORTS
    ]
    owners = _owners({each.inode for each in found}, workers)
    ports = []
    for each in found:
        pid = owners.get(each.inode, 0)
        command = guest_processes.command(pid, MAX_COMMAND_BYTES) if pid else ""
        ports.append(
            {
                "port": each.port,
                "address": each.address,
                "family": each.family,
                "pid": pid,
                "command": command,
            }
        )
    return {"ports": ports}


def _listeners(family: int) -> list[Listener]:
    try:
        return sock_diag.listeners(family)
    except OSError:
        return listeners_of_table(family)


def listeners_of_table(family: int) -> list[Listener]:
    """The same of /proc/net."""
    try:
        with open(_TABLES[family], "rb") as table:
            return list(parse_table(table.read(), family))
    except FileNotFoundError:
        return []  # a kernel without IPv6


def _owners(inodes: set[int], workers: Collection[int]) -> dict[int, int]:
    """The process with the lowest pid that has each socket open. It may have none that can be seen."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    owners: dict[int, int] = {}
    room = MAX_FDS
    for pid in reversed(guest_processes.others(workers)) if wanted else ():
        try:
            folder = os.open(f"/proc/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue  # it has ended, or is another user's
        try:
            for name in os.listdir(folder)[: max(room, 0)]:
                room -= 1
                inode = wanted.get(_link(name, folder))
                if inode is not None:
                    owners.setdefault(inode, pid)
        except OSError:
            pass  # it has ended
        finally:
            os.close(folder)
        if room <= 0 or len(owners) == len(wanted):
            break
    return owners


def _link(name: str, folder: int) -> str:
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return ""
