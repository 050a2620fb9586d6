"""The gateway itself: accepts connections, keeps their books, stops without losing an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from hatchway.gateway.downstream import ClientConnection
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.live_grants import LiveGrants
from hatchway.gateway.plan import PublicFace, Recent, RequestPlan, make_plan, may_remember
from hatchway.gateway.pool import Pool
from hatchway.gateway.seam import Backend
from hatchway.gateway.tunnel import Tunnel

_REMEMBERED_PLANS = 256
_BACKLOG = 2048
_LAST_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Gateway:
    """One listener for previews, `vm_fetch` and the control API.

    Args:
        backend: resolves requests and dials upstreams.
        preview_domain: previews in host mode are one label below it.
        scheme: `https` if what stands in front of the gateway speaks TLS.
        limits: sizes and times.
        clock: the time in seconds since the epoch, by which grants expire.
    """

    pool: Pool
    """Set by `start`."""

    def __init__(
        self,
        backend: Backend,
        *,
        preview_domain: str = "localhost",
        scheme: str = "http",
        limits: GatewayLimits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.backend = backend
        self.face = PublicFace(preview_domain, scheme)
        self.limits = limits or GatewayLimits()
        self.plans: Recent[bytes, RequestPlan] = Recent(_REMEMBERED_PLANS)
        self.grants = LiveGrants(clock)
        self.connections: set[ClientConnection] = set()
        self.tunnels: set[Tunnel] = set()
        self.draining = False
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
        self.pool = Pool(self.backend, self.limits, loop)
        self._server = await loop.create_server(lambda: ClientConnection(self), host, port, backlog=_BACKLOG)
        self._ticking = loop.call_later(self.limits.timer_seconds, self._tick)
        bound = self._server.sockets[0].getsockname()
        return bound[0], bound[1]

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
        self.plans.clear()

    def close_grant(self, grant_id: int) -> int:
        """Cuts everything that is open under a grant, at once. Returns how many connections and tunnels that
        were."""
        return self.grants.close(grant_id)

    def forget_vm(self, vm_id: str) -> None:
        """Drops every connection into a VM that is no more, those in use too."""
        self.pool.forget_vm(vm_id)

    # -- for the connections

    def plan(self, raw: bytes) -> RequestPlan:
        """The plan for a head that is not among those remembered. Raises what `make_plan` raises."""
        plan = make_plan(raw, self.face, self.limits)
        if may_remember(raw):
            self.plans.remember(raw, plan)
        return plan

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs what cannot be answered at once; the gateway's end is the end of it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
        late: list[ClientConnection | Tunnel] = [one for one in self.connections if one.deadline < now]
        late += [tunnel for tunnel in self.tunnels if tunnel.deadline < now]
        for one in late:
            one.timed_out()
        self.grants.check()
