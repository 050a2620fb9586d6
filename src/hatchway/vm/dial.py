"""Sockets to the services inside a VM.

A socket belongs for ever to the network namespace it was made in. Guest init makes unconnected ones inside and
hands them out; the server connects them itself: no relay process, no extra hop. A few are fetched ahead, so
that a new connection does not wait for the guest.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import deque

from hatchway.errors import Unavailable
from hatchway.vm.port_probe import ADDRESSES, PortProbe, is_its_own_peer
from hatchway.vm.sandbox.channel import Channel, GuestRefusal, vm_stopped

_SO_NETNS_COOKIE = 71
_PREFETCHED = 4


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

    async def connect(self, port: int, seconds: float) -> socket.socket | None:
        """A connected, non-blocking socket to `port`: 127.0.0.1 first, then ::1. None: nothing listens there.

        Args:
            port: the TCP port.
            seconds: how long the service may take to accept; over loopback that is at once, unless its backlog is full.

        Raises:
            Unavailable: `port_not_answering` (504), `vm_stopped`, `vm_failed`.
        """
        if self._closed:
            raise vm_stopped()
        for family, host in ADDRESSES:
            sock = await self._take(family)
            if sock is not None and await self._connect(sock, (host, port), seconds):
                return sock
        return None

    def probe(self, port: int) -> PortProbe:
        """Asks again and again whether something listens on `port`."""
        return PortProbe(port, self._take)

    def close(self) -> None:
        """Close the sockets fetched ahead. Called when the VM has ended."""
        self._closed = True
        if self._refill is not None:
            self._refill.cancel()
        while self._ahead:
            self._ahead.pop().close()

    async def _connect(self, sock: socket.socket, address: tuple[str, int], seconds: float) -> bool:
        """Whether it is connected; closed if not."""
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_connect(sock, address)
        except TimeoutError:
            sock.close()
            raise _not_answering(address[1]) from None
        except OSError as error:
            sock.close()
            # 127.0.0.1 is always there: what is not refused there has another reason, such as no free port left.
            # A reset is from what listened and closed its listener since: it may only have tried its port.
            nothing_listens = isinstance(error, ConnectionRefusedError | ConnectionResetError)
            if sock.family == socket.AF_INET and not nothing_listens:
                raise _not_answering(address[1]) from None
            return False
        except BaseException:
            sock.close()
            raise
        if is_its_own_peer(sock, address[1]):
            return False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return True

    async def _take(self, family: socket.AddressFamily) -> socket.socket | None:
        """An unconnected socket; None if the guest has none of that family."""
        if self._closed:
            raise vm_stopped()
        if family != socket.AF_INET:
            return await self._fetch_one(family)
        if len(self._ahead) <= _PREFETCHED // 2 and (self._refill is None or self._refill.done()):
            self._refill = asyncio.get_running_loop().create_task(self._fetch_ahead())
        if self._ahead:
            return self._ahead.popleft()
        return await self._fetch_one(family)

    async def _fetch_ahead(self) -> None:
        try:
            self._ahead.extend(await self._fetch(socket.AF_INET, _PREFETCHED))
        except Unavailable:
            pass  # the VM has ended: whoever dials next is told

    async def _fetch_one(self, family: socket.AddressFamily) -> socket.socket | None:
        return next(iter(await self._fetch(family, 1)), None)

    async def _fetch(self, family: socket.AddressFamily, count: int) -> list[socket.socket]:
        version = 4 if family == socket.AF_INET else 6
        try:
            _answer, fds = await self._channel.request("sockets", family=version, count=count)
        except GuestRefusal as refusal:
            if refusal.number == errno.EAFNOSUPPORT:
                return []  # a kernel without IPv6
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


def _not_answering(port: int) -> Unavailable:
    return Unavailable(
        "port_not_answering",
        f"the service on port {port} does not accept connections",
        "it may be overloaded or stuck: look at its output, or start it again",
        status=504,
    )


def _wrong_answer() -> Unavailable:
    return Unavailable("vm_failed", "the VM gave a wrong answer")
