"""Bytes both ways after an upgrade, with back-pressure and half-close."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hatchway.gateway.flow import has_left, make_reset
from hatchway.gateway.websocket import FrameBoundary, close_frame

if TYPE_CHECKING:
    from hatchway.gateway.downstream import ClientConnection
    from hatchway.gateway.upstream import UpstreamConnection


class TunnelEnd(asyncio.Protocol):
    """One side of a tunnel: what arrives here is written to the other side."""

    __slots__ = ("_paused", "_tunnel", "at_eof", "frames", "gone", "other", "transport")

    other: TunnelEnd

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport, frames: FrameBoundary | None) -> None:
        self._tunnel = tunnel
        self.transport = transport
        self.frames = frames
        """Follows what arrives here, if it is WebSocket from the service."""
        self.at_eof = False
        self.gone = False
        self._paused = False

    def data_received(self, data: bytes) -> None:
        tunnel = self._tunnel
        if self.other.gone or tunnel.cut_at is not None:
            return
        if self.frames is not None:
            self.frames.feed(data)
        self.other.transport.write(data)
        tunnel.moved()

    def pause_writing(self) -> None:
        self.other.pause_reading()

    def resume_writing(self) -> None:
        self.other.resume_reading()

    def pause_reading(self) -> None:
        """The other side is slow."""
        if not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """The other side caught up."""
        if not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    def check_peer(self) -> None:
        """Ends it if the peer has broken off while it was not read from, which nothing else would notice. What a peer
        sent before an orderly end is still to be relayed."""
        if self._paused and has_left(self.transport, half=False):
            self.transport.abort()
            self.other.transport.abort()  # it does not read: what it has yet to take would keep it open

    def eof_received(self) -> bool:
        self.at_eof = True
        if self._tunnel.cut_at is not None or self.other.gone:
            return False
        if self.other.at_eof:
            self.other.transport.close()
            return False
        if self.other.transport.can_write_eof():
            self.other.transport.write_eof()
        else:
            self.other.transport.close()  # TLS has no half-close here: the end of one direction is that of both
        return self.transport.can_write_eof()

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True
        other = self.other
        if not other.gone:
            if error is None and self._tunnel.cut_at is None:
                other.transport.close()
            elif self._tunnel.cut_at is None:
                other.transport.abort()
        self._tunnel.end_lost()


class Tunnel:
    """Takes the sockets of both connections over and relays between them until one of them ends.

    Args:
        client: the client's connection, whose request asked for the upgrade.
        service: the upstream's connection, which answered 101.
        websocket: the protocol is WebSocket, so the end of the grant can be told in its own terms.
        first: what the service sent right behind its 101.
    """

    __slots__ = ("_client", "_gateway", "_grant", "_service", "cut_at", "deadline", "upstream")

    def __init__(
        self, client: ClientConnection, service: UpstreamConnection, *, websocket: bool, first: bytes
    ) -> None:
        self._gateway = client.gateway
        self._grant = client.grant
        self.upstream = service.upstream
        self.cut_at: float | None = None
        """When it was cut, by the loop's coarse time; nothing is relayed since."""
        self.deadline = 0.0
        """The loop's time at which `timed_out` is called."""
        self.moved()
        full = client.full
        pending = client.hand_over()
        frames = FrameBoundary() if websocket else None
        self._client = TunnelEnd(self, client.transport, None)
        self._service = TunnelEnd(self, service.transport, frames)
        self._client.other, self._service.other = self._service, self._client
        self._gateway.tunnels.add(self)
        self._gateway.pool.opened(self)
        if self._grant is not None:
            self._grant.members.add(self)
        client.transport.set_protocol(self._client)
        service.transport.set_protocol(self._service)
        service.resume_reading()
        if full:
            self._service.pause_reading()  # resumed when the client's end drains
        if first:
            self._service.data_received(first)
        if pending:
            self._client.data_received(pending)

    def cut(self) -> None:
        """The grant ended: the service's side goes at once; a WebSocket client is told why where the stream
        allows it."""
        self._end(1008, "This preview has ended")

    def going_away(self) -> None:
        """The gateway stops."""
        self._end(1001, "The server is stopping")

    def _end(self, code: int, reason: str) -> None:
        if self.cut_at is not None:
            return
        self._leave_grant()
        self.cut_at = self._gateway.pool.now
        self._service.transport.abort()
        transport = self._client.transport
        frames = self._service.frames
        sayable = frames is not None and frames.at_boundary and not transport.get_write_buffer_size()
        if sayable and not transport.is_closing():
            transport.write(close_frame(code, reason))
            if transport.can_write_eof():
                # Only our side is closed: a reset, for bytes that the client is just sending, could overtake the
                # frame.
                transport.write_eof()
                transport.resume_reading()
            else:
                transport.close()  # TLS: its close_notify follows the frame, and the client's own is waited for
            self.deadline = self.cut_at + self._gateway.limits.linger_seconds
        else:
            make_reset(transport)
            transport.abort()

    def drop(self) -> None:
        """Ends both sides at once: the VM is gone, or the gateway stops for good."""
        self._leave_grant()
        self._service.transport.abort()
        self._client.transport.abort()

    def moved(self) -> None:
        """Something was relayed."""
        self.deadline = self._gateway.pool.now + self._gateway.limits.stream_idle_seconds

    def check_peer(self) -> None:
        """See `TunnelEnd.check_peer`."""
        self._client.check_peer()
        self._service.check_peer()

    def timed_out(self) -> None:
        """Nothing was relayed for too long; or a client that was told to go did not."""
        if self.cut_at is not None:
            self._client.transport.abort()
        else:
            self._end(1001, "Nothing was said for too long")

    def end_lost(self) -> None:
        """One side is gone; with the other, the tunnel is."""
        if self._service.gone:
            self._gateway.pool.ended(self)
        if self._service.gone and self._client.gone:
            self._leave_grant()
            self._gateway.tunnels.discard(self)
            self._gateway.connection_ended()

    def _leave_grant(self) -> None:
        if self._grant is not None:
            self._grant.members.discard(self)
            self._grant = None
