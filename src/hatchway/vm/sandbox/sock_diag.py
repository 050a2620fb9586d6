"""The TCP sockets that listen in this network namespace, asked of the kernel over netlink (sock_diag(7)).

Reading /proc/net/tcp instead walks the table of all connections of the machine, which takes milliseconds where it has
much memory; this looks at those that listen alone.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST, _NLM_F_DUMP, _NLM_F_DUMP_INTR = 0x1, 0x300, 0x10
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_LISTEN = 1 << 10  # TCP_LISTEN (include/net/tcp_states.h)
_MESSAGE = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBxI48x")
_RECEIVE_BYTES = 64 * 1024
_SECONDS = 1.0
_TRIES = 3


class Listener(NamedTuple):
    """A socket that listens."""

    family: int
    """4 or 6."""
    address: str
    port: int
    inode: int


def listeners(family: int) -> list[Listener]:
    """Those of one family, 4 or 6.

    Raises:
        OSError: the kernel does not say.
    """
    for _ in range(_TRIES):
        found, is_whole = _ask(family)
        if is_whole:
            break  # else some came or went meanwhile, and others may have been left out
    return found


def _ask(family: int) -> tuple[list[Listener], bool]:
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    body = _REQUEST.pack(kind, socket.IPPROTO_TCP, 0, _LISTEN)
    head = _MESSAGE.pack(_MESSAGE.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0)
    found: list[Listener] = []
    is_whole = True
    with socket.socket(
        socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG
    ) as sock:
        sock.settimeout(_SECONDS)
        sock.sendto(head + body, (0, 0))
        while True:
            data, (sender, _groups) = sock.recvfrom(_RECEIVE_BYTES)
            if sender != 0:
                continue  # not the kernel's
            for number, flags, payload in messages(data):
                is_whole = is_whole and not flags & _NLM_F_DUMP_INTR
                if number == _NLMSG_DONE:
                    return found, is_whole
                if number == _NLMSG_ERROR:
                    raise OSError(-int.from_bytes(payload[:4], "little", signed=True), "sock_diag")
                found.append(listener(payload))


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The messages in what was received: type, flags and payload of each (netlink(7)). Pure.

    Raises:
        OSError: EBADMSG: it is cut short.
    """
    at = 0
    while at < len(data):
        if len(data) - at < _MESSAGE.size:
            raise OSError(errno.EBADMSG, "sock_diag")
        length, number, flags, _sequence, _port = _MESSAGE.unpack_from(data, at)
        if not _MESSAGE.size <= length <= len(data) - at:
            raise OSError(errno.EBADMSG, "sock_diag")
        yield number, flags, data[at + _MESSAGE.size : at + length]
        at += (length + 3) & ~3


def listener(payload: bytes) -> Listener:
    """What a `struct inet_diag_msg` says (linux/inet_diag.h). Pure.

    Raises:
        OSError: EBADMSG: it is cut short, or of another family.
    """
    if len(payload) < 72 or payload[0] not in {socket.AF_INET, socket.AF_INET6}:
        raise OSError(errno.EBADMSG, "sock_diag")
    is_4 = payload[0] == socket.AF_INET
    address = payload[8:12] if is_4 else payload[8:24]
    return Listener(
        4 if is_4 else 6,
        socket.inet_ntop(payload[0], address),
        int.from_bytes(payload[4:6], "big"),
        int.from_bytes(payload[68:72], "little"),
    )
