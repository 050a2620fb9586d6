"""Asking one port of a VM again and again whether something listens there by now."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Awaitable, Callable

ADDRESSES: tuple[tuple[socket.AddressFamily, str], ...] = (
    (socket.AF_INET, "127.0.0.1"),
    (socket.AF_INET6, "::1"),
)
"""Where a service may listen, in the order they are tried."""

_CONNECTED = frozenset({0, errno.EISCONN})
_CLOSE_BY_RESET = struct.pack("ii", 1, 0)
"""`struct linger`: no time to send what is left, so a reset instead of a FIN (socket(7))."""

_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EALREADY})


class PortProbe:
    """Asks for one port. A socket that was refused is used again, so asking costs the guest nothing.

    Args:
        port: the port.
        fetch: makes an unconnected, non-blocking socket of the VM; None if there are none of that family.
    """

    def __init__(
        self, port: int, fetch: Callable[[socket.AddressFamily], Awaitable[socket.socket | None]]
    ) -> None:
        self._port = port
        self._fetch = fetch
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}
        self._connected: socket.socket | None = None

    async def ask(self) -> bool:
        """Whether something listens now. If so, `take` may have the connection that told.

        Raises:
            Unavailable: the VM has ended, or could not make a socket.
        """
        for family, host in ADDRESSES:
            sock = self._sockets.pop(family, None)
            if sock is None:
                sock = await self._fetch(family)
            if sock is None:
                continue
            number = attempt(sock, host, self._port)
            if number == 0:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connected = sock
                return True
            if number == errno.ECONNREFUSED:
                self._sockets[family] = sock
                continue
            sock.close()
            if number in _UNDER_WAY:  # not refused: something listens, and has a full backlog
                return True
        return False

    def take(self) -> socket.socket | None:
        """The connection that was made, owned by the caller: a service should see none that nobody uses."""
        sock, self._connected = self._connected, None
        return sock

    def close(self) -> None:
        """Close what it holds."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
        if self._connected is not None:
            self._connected.close()
            self._connected = None


def attempt(sock: socket.socket, host: str, port: int) -> int:
    """Connect a non-blocking socket over loopback. Returns 0 once connected, else an error number.

    `ECONNREFUSED` leaves the socket as it was before. `EALREADY`: there is no answer yet.
    """
    number = sock.connect_ex((host, port))
    if number == errno.EINPROGRESS:
        # Over loopback the answer is there by now. This call fetches it, and readies a refused socket for the next
        # attempt, which to read SO_ERROR would not (Linux, __inet_stream_connect).
        number = sock.connect_ex((host, port))
    if number not in _CONNECTED:
        return number
    return errno.EADDRINUSE if is_its_own_peer(sock, port) else 0


def is_its_own_peer(sock: socket.socket, port: int) -> bool:
    """Whether the kernel chose the port that was dialled as the socket's own (a simultaneous open with itself, RFC 9293
    section 3.5). It is then closed: at once, since in TIME-WAIT it would keep the port from the service."""
    own: int = sock.getsockname()[1]
    if own != port:
        return False
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_BY_RESET)
    sock.close()
    return True
