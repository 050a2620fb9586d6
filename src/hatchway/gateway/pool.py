"""Keep-alive connections, per upstream.

A connection serves one exchange at a time and comes back only after an answer that ended where its framing
said. Anything that an unused connection receives makes it useless: an answer to nobody must never become the
next client's.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from hatchway.errors import Unavailable
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.seam import Backend, Upstream
from hatchway.gateway.upstream import UpstreamConnection

if TYPE_CHECKING:
    from hatchway.gateway.tunnel import Tunnel


class Pool:
    """The connections to all upstreams, idle and busy.

    Args:
        backend: dials.
        limits: how long and how many connections may idle.
        loop: the loop that all of it runs on.
    """

    def __init__(self, backend: Backend, limits: GatewayLimits, loop: asyncio.AbstractEventLoop) -> None:
        self._backend = backend
        self._limits = limits
        self._loop = loop
        self._idle: defaultdict[Upstream, list[UpstreamConnection]] = defaultdict(list)
        self._adopting: set[asyncio.Task[UpstreamConnection]] = set()
        self._closed = False
        self._counts: Counter[Upstream] = Counter()
        self.open: set[UpstreamConnection | Tunnel] = set()
        """Everything that holds a socket to an upstream. Changed by `opened` and `ended` only."""
        self.now = loop.time()
        """The loop's time at the last tick: coarse, and cheap to read."""

    def take(self, upstream: Upstream, *, repeatable: bool) -> UpstreamConnection | None:
        """An unused connection, the last one used first; None if there is none.

        Args:
            upstream: where to.
            repeatable: the request could be sent again if the service closed the connection meanwhile. One
                that could not only gets a connection that was in use a moment ago.
        """
        idle = self._idle.get(upstream)
        if not idle:
            return None
        connection = idle[-1]
        if not repeatable and connection.idle_since < self.now - 1.0:
            return None
        del idle[-1]
        return connection

    def give(self, connection: UpstreamConnection) -> None:
        """Takes a connection back for others."""
        idle = self._idle[connection.upstream]
        if self._closed or len(idle) >= self._limits.pool_idle_connections:
            connection.close()
            return
        connection.idle_since = self.now
        idle.append(connection)

    async def connect(self, upstream: Upstream) -> UpstreamConnection:
        """A new connection.

        Raises:
            HatchwayError: from the backend's `dial`; `too_many_connections`.
        """
        if self._counts[upstream] >= self._limits.pool_connections and upstream.vm_id is not None:
            raise Unavailable(
                "too_many_connections",
                f"port {upstream.port} has {self._limits.pool_connections} connections already",
                "close some of them, or try again in a moment",
                retry_after=1,
            )
        self._counts[upstream] += 1  # also while it is dialled
        try:
            return await self._connect(upstream)
        finally:
            self._discount(upstream)

    async def _connect(self, upstream: Upstream) -> UpstreamConnection:
        sock = await self._backend.dial(upstream)

        async def adopt() -> UpstreamConnection:
            try:
                _, connection = await self._loop.create_connection(
                    lambda: UpstreamConnection(self, upstream), sock=sock
                )
            except BaseException:
                sock.close()
                raise
            return connection

        # A task of its own, because to cancel a loop between a socket and its transport leaves nobody to
        # close it.
        task = self._loop.create_task(adopt())
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._adopted_for_nobody)
            raise

    def _adopted_for_nobody(self, task: asyncio.Task[UpstreamConnection]) -> None:
        if task.cancelled() or task.exception() is not None:
            return
        connection = task.result()
        if connection.is_usable:
            self.give(connection)  # the next one will not have to wait
        else:
            connection.drop()

    def opened(self, holder: UpstreamConnection | Tunnel) -> None:
        """Called by what holds a socket to an upstream from now on."""
        self.open.add(holder)
        self._counts[holder.upstream] += 1

    def ended(self, holder: UpstreamConnection | Tunnel) -> None:
        """Called by what holds none any more; may be called again."""
        if holder in self.open:
            self.open.remove(holder)
            self._discount(holder.upstream)

    def _discount(self, upstream: Upstream) -> None:
        self._counts[upstream] -= 1
        if not self._counts[upstream]:
            del self._counts[upstream]

    def lost(self, connection: UpstreamConnection) -> None:
        """Called by a connection that is gone."""
        self.ended(connection)
        self.withdraw(connection)

    def withdraw(self, connection: UpstreamConnection) -> None:
        """Called by a connection that nobody should take any more."""
        idle = self._idle.get(connection.upstream)
        if idle is not None and connection in idle:
            idle.remove(connection)
        if not idle:
            self._idle.pop(connection.upstream, None)

    def tick(self, now: float) -> None:
        """Closes what has idled too long."""
        self.now = now
        oldest = now - self._limits.pool_idle_seconds
        for upstream, idle in list(self._idle.items()):
            # In the order of their last use, so the stale ones are in front.
            fresh = [connection for connection in idle if connection.idle_since >= oldest]
            for connection in idle[: len(idle) - len(fresh)]:
                connection.close()
            if fresh:
                self._idle[upstream] = fresh
            else:
                del self._idle[upstream]

    def busy_vms(self) -> set[str]:
        """The VMs into which a connection is in use."""
        idle = {id(connection) for connections in self._idle.values() for connection in connections}
        busy = {holder.upstream.vm_id for holder in self.open if id(holder) not in idle}
        return {vm_id for vm_id in busy if vm_id is not None}

    def forget(self, upstream: Upstream) -> None:
        """Drops every connection to an upstream, those in use too."""
        self._drop(lambda key: key == upstream)

    def forget_vm(self, vm_id: str) -> None:
        """Drops every connection into a VM, those in use too."""
        self._drop(lambda key: key.vm_id == vm_id)

    def _drop(self, matches: Callable[[Upstream], bool]) -> None:
        for upstream in [key for key in self._idle if matches(key)]:
            del self._idle[upstream]
        for connection in list(self.open):
            if matches(connection.upstream):
                connection.drop()

    async def close(self) -> None:
        """Drops everything. Returns when nothing is left open."""
        self._closed = True
        while self._adopting:
            await asyncio.wait(self._adopting)
        self._drop(lambda key: True)
