"""Messages between the server, the zygote and the guests: one JSON object per SOCK_SEQPACKET message, fds beside it.

File names and arguments are bytes that may be no valid UTF-8: they travel as `os.fsdecode` strings (PEP 383).
"""

from __future__ import annotations

import array
import json
import socket
from typing import Any

MAX_MESSAGE_BYTES = 160 * 1024
"""The longest message. A SEQPACKET message must fit the socket's send buffer, 208 KB by default."""

MAX_FDS = 32
"""The most fds that ride on one message."""

_FD_BYTES = array.array("i").itemsize

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """The bytes of a message. Raises ValueError when it is too long to send."""
    data = json.dumps(message, separators=(",", ":")).encode("ascii")
    if len(data) > MAX_MESSAGE_BYTES:
        raise ValueError(f"message of {len(data)} bytes is over {MAX_MESSAGE_BYTES}")
    return data


def decode(data: bytes) -> Message:
    """The message in `data`. Raises ValueError for anything that is not one."""
    try:
        message = json.loads(data.decode("ascii"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("not an object")
    return message


def receive(channel: socket.socket) -> tuple[bytes, list[int]]:
    """One message and the fds on it, close-on-exec from the start; empty bytes when the other end is closed."""
    # Not socket.recv_fds(): it ignores its flags argument (CPython 3.11), and the fds would outlive an exec.
    room = socket.CMSG_SPACE(MAX_FDS * _FD_BYTES)
    data, ancillary, _flags, _address = channel.recvmsg(MAX_MESSAGE_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(payload[: len(payload) - len(payload) % _FD_BYTES])
    return data, list(fds)
