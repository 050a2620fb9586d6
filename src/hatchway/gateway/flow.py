"""Flow control: why reading from a peer is paused, and how a connection is ended so that it shows."""

from __future__ import annotations

import asyncio
import enum
import fcntl
import socket
import struct
import termios


class Hold(enum.IntFlag):
    """Why reading is paused; any of these is enough."""

    DIALLING = 1
    """There is no upstream connection yet to take a body."""
    UPSTREAM_FULL = 2
    """The upstream does not take more of the body for now."""
    PIPELINED = 4
    """The next request has come while one is served."""


class Reading:
    """Whether a transport is read from."""

    __slots__ = ("_transport", "holds")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.holds = 0
        """A sum of `Hold`s. 0: it is read from."""

    def hold(self, reason: int) -> None:
        """Pauses, until everything that is held is released."""
        if not self.holds and not self._transport.is_closing():
            self._transport.pause_reading()
        self.holds |= reason

    def release(self, reason: int) -> None:
        """Goes on, if nothing else holds."""
        if self.holds:
            self.holds &= ~reason
            if not self.holds and not self._transport.is_closing():
                self._transport.resume_reading()

    def release_all(self) -> None:
        """Goes on."""
        self.release(self.holds)


def make_reset(transport: asyncio.Transport) -> None:
    """Makes the end of a transport a reset instead of an orderly one (socket(7), SO_LINGER)."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (OSError, ValueError):
            pass  # already gone: uvloop knows no descriptor of it any more


def untaken_bytes(transport: asyncio.Transport) -> int:
    """How many of the bytes written to a transport its peer has not taken, those that the kernel holds among them.

    A kernel takes megabytes at once for a peer that reads slowly, so the transport's own buffer alone would seem not
    to move (tcp(7), SIOCOUTQ).
    """
    untaken = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    if sock is not None:
        try:
            untaken += struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]
        except (OSError, ValueError):
            pass  # already gone
    return untaken


_TCP_CLOSE, _TCP_CLOSE_WAIT = 7, 8  # the kernel's include/net/tcp_states.h


def has_left(transport: asyncio.Transport, *, half: bool = True) -> bool:
    """Whether the peer has ended its connection, as the kernel knows also while nobody reads (tcp(7), TCP_INFO).

    Args:
        transport: of a TCP connection; others never have.
        half: whether an orderly end of the peer's own direction counts, and not only a reset.
    """
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family == socket.AF_UNIX:
        return False
    try:
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except (OSError, ValueError):
        return False  # ended here already
    return state == _TCP_CLOSE or (half and state == _TCP_CLOSE_WAIT)
