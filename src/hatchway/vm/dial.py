"""Sockets to the services inside a VM.

A socket belongs for ever to the network namespace it was made in. Guest init makes unconnected ones inside and
hands them out; the server connects them itself: no relay process, no extra hop. A few are fetched ahead, so
that a new connection does not wait for the guest.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque

from hatchway.errors import Unavailable
from hatchway.vm.sandbox.channel import Channel, GuestRefusal, vm_stopped

_SO_NETNS_COOKIE = 71
_PREFETCHED = 4
CONNECT_SECONDS = 5.0
"""A connect over loopback is refused or accepted at once, unless the service's backlog is full."""


class Dialer:
    """Connects to ports of one VM.

    Args:
        channel: to the VM.
        first: sockets made before any guest process ran: theirs is the namespace that all others must share.
    """

    def __init__(self, channel: Channel, first: list[int]) -> None:
        self._channel = channel
        self._ahead: deque[socket.socket] = deque()
        self._cookie: bytes | None = None
        self._refill: asyncio.Task[None] | None = None
        self._closed = False
        for fd in first:
            self._ahead.append(self._checked(fd, socket.AF_INET))

    async def connect(self, port: int) -> socket.socket:
        """A connected, non-blocking socket to `port`: 127.0.0.1 first, then ::1.

        Raises:
            Unavailable: `port_closed` (502) when nothing listens there; `port_not_answering` (504).
        """
        if self._closed:
            raise vm_stopped()
        try:
            return await self._connect(await self._take(), ("127.0.0.1", port))
        except ConnectionRefusedError:
            pass
        try:
            return await self._connect(await self._fetch_one(socket.AF_INET6), ("::1", port))
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise _not_answering(port) from None
            raise port_closed(port) from None

    def close(self) -> None:
        """Close the sockets fetched ahead. Called when the VM has ended."""
        self._closed = True
        if self._refill is not None:
            self._refill.cancel()
        while self._ahead:
            self._ahead.pop().close()

    async def _connect(self, sock: socket.socket, address: tuple[str, int]) -> socket.socket:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(sock, address)
        except TimeoutError:
            sock.close()
            raise _not_answering(address[1]) from None
        except BaseException:
            sock.close()
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    async def _take(self) -> socket.socket:
        if len(self._ahead) <= _PREFETCHED // 2 and (self._refill is None or self._refill.done()):
            self._refill = asyncio.get_running_loop().create_task(self._fetch_ahead())
        if self._ahead:
            return self._ahead.popleft()
        return await self._fetch_one(socket.AF_INET)

    async def _fetch_ahead(self) -> None:
        try:
            self._ahead.extend(await self._fetch(socket.AF_INET, _PREFETCHED))
        except Unavailable:
            pass  # the VM has ended: whoever dials next is told

    async def _fetch_one(self, family: socket.AddressFamily) -> socket.socket:
        return (await self._fetch(family, 1))[0]

    async def _fetch(self, family: socket.AddressFamily, count: int) -> list[socket.socket]:
        version = 4 if family == socket.AF_INET else 6
        try:
            _answer, fds = await self._channel.request("sockets", family=version, count=count)
        except GuestRefusal:
            raise Unavailable("vm_failed", "the VM could not make a socket", "try again") from None
        sockets = []
        try:
            while fds:
                sockets.append(self._checked(fds.pop(), family))
            if len(sockets) != count:
                raise _wrong_answer()
        except BaseException:
            for fd in fds:
                os.close(fd)
            for sock in sockets:
                sock.close()
            raise
        return sockets

    def _checked(self, fd: int, family: socket.AddressFamily) -> socket.socket:
        """The socket of a received fd, if it is an unconnected TCP socket of this VM's own network namespace."""
        try:
            sock = socket.socket(fileno=fd)
        except OSError:
            os.close(fd)
            raise _wrong_answer() from None
        cookie = sock.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
        if self._cookie is None:
            self._cookie = cookie
        if (
            sock.family != family
            or sock.type != socket.SOCK_STREAM
            or sock.proto != socket.IPPROTO_TCP
            or cookie != self._cookie
        ):
            sock.close()
            raise _wrong_answer()
        sock.setblocking(False)
        return sock


def port_closed(port: int) -> Unavailable:
    """The error for a port that nothing listens on."""
    return Unavailable(
        "port_closed",
        f"nothing listens on port {port} in this VM",
        f"start a service there that listens on port {port} of localhost or 0.0.0.0, then try again",
        status=502,
    )


def _not_answering(port: int) -> Unavailable:
    return Unavailable(
        "port_not_answering",
        f"the service on port {port} does not accept connections",
        "it may be overloaded or stuck: look at its output, or start it again",
        status=504,
    )


def _wrong_answer() -> Unavailable:
    return Unavailable("vm_failed", "the VM gave a wrong answer")
