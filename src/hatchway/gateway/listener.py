"""The gateway itself: accepts connections, keeps their books, stops without losing an answer."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from email.utils import formatdate
from typing import Any

from hatchway.gateway.downstream import ClientConnection
from hatchway.gateway.forwarded import Network, forwarded_lines, is_trusted
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.live_grants import LiveGrants
from hatchway.gateway.plan_book import PlanBook
from hatchway.gateway.pool import Pool
from hatchway.gateway.recent import Recent
from hatchway.gateway.request_shape import PublicFace
from hatchway.gateway.seam import Backend
from hatchway.gateway.tunnel import Tunnel

_BACKLOG = 2048
_CUT_AT_ONCE = 50
_KNOWN_PEERS = 1024
_LAST_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Gateway:
    """One listener for previews, `vm_fetch` and the control API.

    Args:
        backend: resolves requests and dials upstreams.
        preview_domain: previews in host mode are one label below it.
        scheme: the scheme that visitors use: `https` with `tls`, or if a proxy in front speaks it.
        public_port: the port that visitors use; None: the one it listens on.
        limits: sizes and times.
        clock: the time in seconds since the epoch, by which grants expire.
        trusted_proxies: who may say in `X-Forwarded-*` and `Forwarded` on whose behalf a request comes.
        tls: speak TLS.
    """

    pool: Pool
    """Set by `start`."""
    port: int
    """The port that visitors use. Set by `start`."""
    _plans: PlanBook
    _plans_of_proxies: PlanBook

    def __init__(
        self,
        backend: Backend,
        *,
        preview_domain: str = "localhost",
        scheme: str = "http",
        public_port: int | None = None,
        limits: GatewayLimits | None = None,
        clock: Callable[[], float] = time.time,
        trusted_proxies: Sequence[Network] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.backend = backend
        self.preview_domain = preview_domain
        self.scheme = scheme
        self.limits = limits or GatewayLimits()
        self._clock = clock
        self.date = formatdate(clock(), usegmt=True).encode()
        """The time at the last tick, in the form of RFC 9110 section 5.6.7."""
        self._public_port = public_port
        self._trusted_proxies = trusted_proxies
        self._tls = tls
        self.grants = LiveGrants(clock)
        self.connections: set[ClientConnection] = set()
        self.tunnels: set[Tunnel] = set()
        self.draining = False
        self._known_peers: Recent[str, tuple[PlanBook, bytes]] = Recent(_KNOWN_PEERS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._quiet = asyncio.Event()

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listens.

        Args:
            host: an address of this machine.
            port: 0 for any that is free.

        Returns:
            The address and port it listens on.

        Raises:
            OSError: the address cannot be used.
        """
        loop = asyncio.get_running_loop()
        secured: dict[str, Any] = {}
        if self._tls is not None:
            secured = {
                "ssl": self._tls,
                "ssl_handshake_timeout": self.limits.head_seconds,
                "ssl_shutdown_timeout": self.limits.linger_seconds,
            }
        self.pool = Pool(self.backend, self.limits, loop)
        server = await loop.create_server(
            lambda: ClientConnection(self), host, port, backlog=_BACKLOG, start_serving=False, **secured
        )
        for sock in server.sockets:
            _notice_dead_peers(sock)
        bound = server.sockets[0].getsockname()
        await self._serve(server, bound[1] if self._public_port is None else self._public_port)
        return bound[0], bound[1]

    async def start_unix(self, path: str) -> None:
        """Listens on a UNIX socket instead, for programs that run as this user, without TLS.

        Args:
            path: where there is no file yet.

        Raises:
            OSError: the socket cannot be made.
        """
        loop = asyncio.get_running_loop()
        self.pool = Pool(self.backend, self.limits, loop)
        server = await loop.create_unix_server(
            lambda: ClientConnection(self), path, backlog=_BACKLOG, start_serving=False
        )
        await self._serve(server, self._public_port or 80)

    async def _serve(self, server: asyncio.Server, port: int) -> None:
        self._server = server
        self.port = port
        # The default domain resolves to this machine only, so nobody is sent there who came by another name.
        moves = self.preview_domain != "localhost"
        face = PublicFace(self.preview_domain, self.scheme, self.port, moves_navigations=moves)
        self._plans = PlanBook(face, self.limits)
        self._plans_of_proxies = PlanBook(replace(face, behind_proxy=True), self.limits)
        self._known_peers.clear()
        await self._server.start_serving()
        self._ticking = asyncio.get_running_loop().call_later(self.limits.timer_seconds, self._tick)

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Stops listening, lets what is under way finish, and returns when nothing is left open.

        Args:
            grace_seconds: how long answers under way may take. Tunnels have no end of their own: they are
                closed at once.
        """
        if self._server is None:
            return
        self.draining = True
        self._server.close()
        for connection in list(self.connections):
            connection.drain()
        for tunnel in list(self.tunnels):
            tunnel.going_away()
        if self.connections or self.tunnels:
            self._quiet.clear()
            try:
                async with asyncio.timeout(grace_seconds):
                    await self._quiet.wait()
            except TimeoutError:
                pass
        if self._ticking is not None:
            self._ticking.cancel()
        self.grants.shut()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for connection in list(self.connections):
            connection.abort()
        for tunnel in list(self.tunnels):
            tunnel.drop()
        await self.pool.close()
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                # An aborted transport tells its protocol in one of the loop's next turns.
                while self.connections or self.tunnels or self.pool.open:  # noqa: ASYNC110
                    await asyncio.sleep(0)
        except TimeoutError:
            _log.error("some connections did not end with the gateway")
        await self._server.wait_closed()
        self._server = None
        self._plans.clear()
        self._plans_of_proxies.clear()

    async def close_grant(self, grant_id: int) -> int:
        """As `close_grants`, for one."""
        return await self.close_grants((grant_id,))

    async def close_grants(self, grant_ids: Iterable[int]) -> int:
        """Cuts everything that is open under some grants, and returns when it is closed. Returns how many connections
        and tunnels that were. Once begun it is finished, even if the caller is cancelled.
        """
        ending = [live for live in map(self.grants.end, grant_ids) if live is not None]
        count = 0
        try:
            # To close a socket takes the kernel a while; between some of them others have their turn, in which what
            # was cut is closed.
            for live in ending:
                while live.members:
                    count += live.cut(_CUT_AT_ONCE)
                    await asyncio.sleep(0)
        finally:
            for live in ending:
                live.cut()
        return count

    def renew_grant(self, grant_id: int, expires_at: float) -> None:
        """What is open under a grant lives until `expires_at` (seconds since the epoch) instead."""
        self.grants.renew(grant_id, expires_at)

    def forget_vm(self, vm_id: str) -> None:
        """Drops every connection into a VM, those in use too."""
        if self._server is not None:
            self.pool.forget_vm(vm_id)

    def busy_vms(self) -> set[str]:
        """The VMs into which a connection is in use: a request is under way on it, or it is a tunnel."""
        return self.pool.busy_vms() if self._server is not None else set()

    # -- for the connections

    def known_peer(self, peer: str) -> tuple[PlanBook, bytes]:
        """What every connection from an address begins with, remembered for some addresses.

        Returns:
            The plans for its heads: a trusted proxy's mean more than others'. And its `forwarded_lines` with the empty
            line that ends a head.
        """
        known = self._known_peers.get(peer)
        if known is None:
            plans = self._plans_of_proxies if is_trusted(peer, self._trusted_proxies) else self._plans
            known = plans, forwarded_lines(peer, self.scheme, self.port) + b"\r\n"
            self._known_peers.remember(peer, known)
        return known

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs what cannot be answered at once; the gateway's end is the end of it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def connection_ended(self) -> None:
        """A client's connection or a tunnel is gone."""
        if self.draining and not self.connections and not self.tunnels:
            self._quiet.set()

    def _tick(self) -> None:
        """The one coarse timer: time-outs of clients, of the pool, and grants whose time has come by a clock
        that was set."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._ticking = loop.call_later(self.limits.timer_seconds, self._tick)
        self.pool.tick(now)
        self.date = formatdate(self._clock(), usegmt=True).encode()
        watched: list[ClientConnection | Tunnel] = [*self.connections, *self.tunnels]
        for one in watched:
            if one.deadline < now:
                one.timed_out()
            else:
                one.check_peer()
        self.grants.check()


def _notice_dead_peers(listener: socket.socket) -> None:
    """Clients that vanished without a word are noticed within some minutes; accepted sockets inherit it
    (tcp(7))."""
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 30)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
