"""One client connection: reads requests, one exchange at a time; pipelining, back-pressure, closing without
losing an answer."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable
from typing import TYPE_CHECKING, cast

from hatchway.errors import HatchwayError, InvalidRequest
from hatchway.gateway import problem_pages
from hatchway.gateway.exchange import Exchange
from hatchway.gateway.framing import (
    CHUNKED,
    ChunkedDecoder,
    FramingError,
    encode_chunk,
    encode_last_chunk,
    find_forbidden,
)
from hatchway.gateway.live_grants import LiveGrant
from hatchway.gateway.rewrite import forwarded_lines
from hatchway.gateway.seam import Allow, Deny, Verdict

if TYPE_CHECKING:
    from hatchway.gateway.listener import Gateway
    from hatchway.gateway.plan import RequestPlan

_log = logging.getLogger(__name__)
_FOREVER = float("inf")

# Why reading is paused; any of them is enough.
_DIALLING, _UPSTREAM_FULL, _PIPELINED = 1, 2, 4


class ClientConnection(asyncio.Protocol):
    """A connection from a client, known to its gateway from its making to its end."""

    __slots__ = (
        "_busy",
        "_closing",
        "_decoder",
        "_holds",
        "_left",
        "_partial",
        "_pending",
        "deadline",
        "exchange",
        "forwarded",
        "full",
        "gateway",
        "grant",
        "transport",
    )

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.transport: asyncio.Transport = None  # type: ignore[assignment] # until connection_made
        self.exchange: Exchange | None = None
        self.grant: LiveGrant | None = None
        """The grant of the last request, which may close this connection."""
        self.deadline = gateway.pool.now + gateway.limits.head_seconds
        """The loop's time at which `timed_out` is called."""
        self.forwarded = b""
        """`forwarded_lines` of this client, with the empty line that ends a head."""
        self._busy = False  # False: what arrives is the beginning of a request head
        self._partial = bytearray()  # of a request head
        self._pending = b""  # what followed the request under way
        self._left = 0  # of a request body with a length
        self._decoder: ChunkedDecoder | None = None  # of a chunked request body
        self._holds = 0
        self.full = False  # the client does not read what was written
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        address = peer[0].partition("%")[0] if isinstance(peer, tuple) else "unknown"
        self.forwarded = forwarded_lines(address, self.gateway.face.scheme) + b"\r\n"
        self.gateway.connections.add(self)

    # -- from the client

    def data_received(self, data: bytes) -> None:
        if self._busy:
            self._more(data)
        else:
            self._requests(data)

    def _requests(self, data: bytes) -> None:
        """Serves the requests that begin in `data`, until one has to wait for its answer or is incomplete."""
        gateway = self.gateway
        while True:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4 or end > gateway.limits.head_bytes or data.startswith(b"\r\n"):
                data = self._unusual(data)
                if not data:
                    return
                continue
            raw, rest = (data, b"") if end == len(data) else (data[:end], data[end:])
            plan = gateway.plans.get(raw)
            if plan is None:
                try:
                    plan = gateway.plan(raw)
                except FramingError as error:
                    self.refuse(_bad_request(error), None, close=True)
                    return
                except HatchwayError as error:
                    self.refuse(error, None, close=True)
                    return
            self._begin(plan, rest)
            if self._busy:
                if self.exchange is None and not self._closing:
                    self._pending = rest  # the client does not read its answers: no more of them for now
                    self._hold(_PIPELINED)
                return
            if not rest:
                return
            data = rest

    def _unusual(self, data: bytes) -> bytes:
        """Deals with a head that is incomplete, too long, or preceded by an empty line. Returns what to go on
        with."""
        if data.startswith(b"\r\n") and len(data) > 2 and not data.startswith(b"\r\n\r\n"):
            return data[2:]  # RFC 9112 section 2.2: one empty line before a request is ignored
        end = data.find(b"\r\n\r\n")
        error = self._head_error(data if end < 0 else data[: end + 4], 0)
        if error is None and end >= 0:
            error = FramingError("the request line is missing")
        if error is not None:
            self.refuse(_bad_request(error), None, close=True)
            return b""
        self._busy = True
        self._partial += data
        self.deadline = min(self.deadline, self.gateway.pool.now + self.gateway.limits.head_seconds)
        return b""

    def _head_error(self, head: bytes | bytearray, searched: int) -> FramingError | None:
        """What already makes a head unacceptable; its first `searched` bytes were looked at before."""
        limits = self.gateway.limits
        longest_line = limits.target_bytes + 64
        if find_forbidden(head, searched):
            return FramingError("the head holds a control byte, or a CR or LF that stands alone")
        if len(head) > longest_line and head.find(b"\r\n", 0, longest_line) < 0:
            return FramingError(f"the request target is longer than {limits.target_bytes} bytes", 414)
        if len(head) > limits.head_bytes:
            return FramingError(f"the head is longer than {limits.head_bytes} bytes", 431)
        return None

    def _more(self, data: bytes) -> None:
        """What arrives while a head is incomplete, or while a request is served."""
        if self._closing:
            return
        if self._partial:
            self._more_of_head(data)
        elif self._left or self._decoder is not None:
            self._body(data)
        else:
            # The next request has to wait, and what follows it stays in the socket.
            self._pending += data
            self._hold(_PIPELINED)

    def _more_of_head(self, data: bytes) -> None:
        partial = self._partial
        searched = max(0, len(partial) - 3)
        partial += data
        if partial.find(b"\r\n\r\n", searched) < 0:
            error = self._head_error(partial, searched)
            if error is not None:
                self.refuse(_bad_request(error), None, close=True)
            return
        self._partial = bytearray()
        self._busy = False
        self._requests(bytes(partial))

    def _begin(self, plan: RequestPlan, rest: bytes) -> None:
        if plan.own_answer:
            self._own_answer(plan.own_answer, plan, close=plan.body != 0)
            return
        verdict = self.gateway.backend.resolve(plan.destination, plan.facts)
        if verdict.__class__ is Deny and plan.body == 0:
            self.refuse(verdict.error, plan, close=False)
            return
        exchange = self.exchange = Exchange(self, plan)
        self._busy = True
        self.deadline = _FOREVER  # neither a slow upload nor a VM that boots is cut
        if plan.body:
            if plan.body == CHUNKED:
                self._decoder = ChunkedDecoder(self.gateway.limits.head_bytes)
            else:
                self._left = plan.body
        if verdict.__class__ is Allow:
            self._allowed(exchange, verdict)
        else:
            self.hold_dialling()
            self.gateway.spawn(self._decided(exchange, verdict))
        if rest and self.exchange is exchange:
            self._more(rest)

    async def _decided(self, exchange: Exchange, verdict: Verdict | Awaitable[Verdict]) -> None:
        plan = exchange.plan
        grants = self.gateway.grants
        try:
            while not isinstance(verdict, Allow | Deny):
                ended = grants.ended
                verdict = await verdict
                if ended != grants.ended and isinstance(verdict, Allow):
                    # A grant ended meanwhile, maybe this one.
                    verdict = self.gateway.backend.resolve(plan.destination, plan.facts)
        except Exception as error:  # noqa: BLE001 - a defect behind the seam must not show its insides to a client
            _log.error("resolving a request failed: %s", type(error).__name__)
            verdict = Deny(HatchwayError("internal_error", "the server failed to decide about this request"))
        if exchange.over or self.exchange is not exchange:
            return
        if isinstance(verdict, Allow):
            self._allowed(exchange, verdict)
        else:
            exchange.fail(verdict.error)

    def _allowed(self, exchange: Exchange, allow: Allow) -> None:
        grant_id = allow.grant_id
        grant = self.grant
        if grant_id is None:
            if grant is not None:
                grant.members.discard(self)
                self.grant = None
        elif grant is None or grant.id != grant_id or grant.expires_at != allow.expires_at:
            self.grant = self.gateway.grants.enter(self, grant_id, allow.expires_at, grant)
        plan = exchange.plan
        if plan.redirect:
            exchange.abandon()
            self._own_answer(plan.redirect, plan, close=not exchange.request_done)
        else:
            exchange.start(allow)

    def _body(self, data: bytes) -> None:
        exchange = self.exchange
        assert exchange is not None
        decoder = self._decoder
        if decoder is None:
            size = len(data)
            if size <= self._left:
                self._left -= size
                rest = b""
            else:
                data, rest = data[: self._left], data[self._left :]
                self._left = 0
            exchange.request_body([data])
            done = self._left == 0
        else:
            try:
                pieces = encode_chunk(decoder.feed(data))
            except FramingError as error:
                # The service has seen a part of this request, and must not take it for all of it.
                exchange.abandon()
                exchange.fail(_bad_request(error))
                return
            done = decoder.done
            rest = decoder.rest
            if done:
                pieces.append(encode_last_chunk(decoder.trailers))
                self._decoder = None
            if pieces:
                exchange.request_body(pieces)
        if done:
            exchange.request_end()
            if rest and self.exchange is exchange:
                self._more(rest)

    def eof_received(self) -> bool:
        if self.exchange is not None:
            self.abort()  # whoever wants an answer keeps the connection open
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        self.gateway.connections.discard(self)
        if self.grant is not None:
            self.grant.members.discard(self)
            self.grant = None
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abandon()
        self.gateway.connection_ended()

    # -- to the client

    def refuse(self, error: HatchwayError, plan: RequestPlan | None, *, close: bool) -> None:
        """Answers a request with an error of ours.

        Args:
            error: shown as a page or JSON.
            plan: of the request; None if its head was not understood.
            close: the rest of the request was not read, so the connection cannot go on.
        """
        close = close or plan is None or not plan.keep_alive
        answer = problem_pages.render(
            error,
            as_html=plan is not None and plan.as_html,
            head_only=plan is not None and plan.head_only,
            preview=plan is not None and plan.preview,
            close=close,
        )
        self.transport.write(answer)
        self.finish(close=close, unread=plan is None)

    def _own_answer(self, answer: bytes, plan: RequestPlan, *, close: bool) -> None:
        self.transport.write(answer)
        self.finish(close=close or not plan.keep_alive)

    def finish(self, *, close: bool, unread: bool = False) -> None:
        """The answer is written: goes on with the next request, or closes.

        Args:
            close: the connection cannot go on.
            unread: the client may still be sending what nobody will read.
        """
        self.exchange = None
        unread = unread or self._left != 0 or self._decoder is not None
        if close or unread or self.gateway.draining:
            self._close(unread or self._pending != b"")
            return
        self.deadline = self.gateway.pool.now + self.gateway.limits.idle_seconds
        if self.full:
            self._busy = True  # `resume_writing` goes on
            return
        self._busy = False
        if self._holds:
            self._release(self._holds)
        if self._pending:
            data, self._pending = self._pending, b""
            self._requests(data)

    def _close(self, unread: bool) -> None:
        """Closes so that the client gets to read the answer.

        A socket closed with unread bytes in it sends a reset, which may overtake the answer. So if the client
        may still be sending, only our side is closed, and what comes is thrown away for a while (RFC 9112
        section 9.6).
        """
        self._closing = self._busy = True
        self._pending = b""
        self._partial = bytearray()
        self._decoder = None
        if self.transport.is_closing():
            return
        if unread and self.transport.can_write_eof():
            self.deadline = self.gateway.pool.now + self.gateway.limits.linger_seconds
            self._release(self._holds)
            self.transport.write_eof()
        else:
            self.deadline = _FOREVER
            self.transport.close()

    def pause_writing(self) -> None:
        self.full = True
        if self.exchange is not None:
            self.exchange.client_full()

    def resume_writing(self) -> None:
        self.full = False
        if self.exchange is not None:
            self.exchange.client_drained()
        elif not self._closing and self._busy and not self._partial:
            self.finish(close=False)

    # -- pausing

    def hold_dialling(self) -> None:
        """There is no upstream connection yet to take a body."""
        if self._left or self._decoder is not None:
            self._hold(_DIALLING)

    def release_dialling(self) -> None:
        """There is one now."""
        if self._holds:
            self._release(_DIALLING)

    def hold_upstream(self) -> None:
        """The upstream does not take more of the body for now."""
        self._hold(_UPSTREAM_FULL)

    def release_upstream(self) -> None:
        """It takes more again."""
        self._release(_UPSTREAM_FULL)

    def _hold(self, reason: int) -> None:
        if not self._holds and not self.transport.is_closing():
            self.transport.pause_reading()
        self._holds |= reason

    def _release(self, reason: int) -> None:
        if self._holds:
            self._holds &= ~reason
            if not self._holds and not self.transport.is_closing():
                self.transport.resume_reading()

    # -- ends

    def timed_out(self) -> None:
        """The deadline has passed."""
        self.deadline = _FOREVER
        if self.exchange is not None:
            self.exchange.timed_out()
        elif self._partial:
            self.refuse(
                HatchwayError("head_timeout", "the request's head took too long to arrive", status=408),
                None,
                close=True,
            )
        elif self._closing and self.transport.get_write_buffer_size():
            # It lingers because it may be sending, but is still reading its answer.
            self.deadline = self.gateway.pool.now + self.gateway.limits.linger_seconds
        else:
            self.transport.abort()

    def cut(self) -> None:
        """The grant ended. A connection that idles stays: its next request is refused, or is under another grant;
        closing it could lose that one."""
        self.grant = None
        if self.exchange is not None or self.transport.get_write_buffer_size():
            self.abort()

    def drain(self) -> None:
        """The gateway stops: closes if nothing is under way."""
        if self.exchange is None and not self._closing:
            self._closing = self._busy = True
            self.transport.close()

    def abort(self) -> None:
        """Ends at once, with a reset: an answer that was under way must not look complete."""
        self._closing = self._busy = True
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abandon()
            reset(self.transport)
        self.transport.abort()

    def drop(self) -> None:
        """Ends at once: the gateway stops for good."""
        self.abort()
        self.transport.abort()

    def hand_over(self) -> bytes:
        """Leaves the socket to a tunnel. Returns what the client sent after its request."""
        self.exchange = None
        self._closing = self._busy = True
        self.gateway.connections.discard(self)
        if self.grant is not None:
            self.grant.members.discard(self)
        if self._holds:
            self._release(self._holds)
        pending, self._pending = self._pending, b""
        return pending


def reset(transport: asyncio.Transport) -> None:
    """Makes the end of a transport a reset instead of an orderly one (socket(7), SO_LINGER)."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # already gone


def _bad_request(error: FramingError) -> HatchwayError:
    codes = {414: "target_too_long", 431: "head_too_large", 505: "version_not_supported"}
    return InvalidRequest(codes.get(error.status, "bad_request"), error.message, status=error.status)
