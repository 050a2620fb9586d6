"""One client connection: one exchange at a time; pipelining, back-pressure, closing without losing an answer.

Longer than other modules: whatever happens to a connection changes the same few fields, which only make sense together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, cast

from hatchway.errors import HatchwayError
from hatchway.gateway import own_answers, problem_pages
from hatchway.gateway.body import RequestBody
from hatchway.gateway.decision import settle
from hatchway.gateway.exchange import Exchange
from hatchway.gateway.flow import Hold, Reading, has_left, make_reset, untaken_bytes
from hatchway.gateway.framing import FramingError, check_unfinished_head
from hatchway.gateway.live_grants import LiveGrant
from hatchway.gateway.own_answers import OwnAnswer
from hatchway.gateway.plan_book import REMEMBERED_BYTES
from hatchway.gateway.seam import Allow, Deny, Verdict

if TYPE_CHECKING:
    from hatchway.gateway.listener import Gateway
    from hatchway.gateway.plan import RequestPlan
    from hatchway.gateway.plan_book import PlanBook

_FOREVER = float("inf")
# As plain numbers: an enumeration's arithmetic is slow.
_DIALLING, _UPSTREAM_FULL, _PIPELINED = int(Hold.DIALLING), int(Hold.UPSTREAM_FULL), int(Hold.PIPELINED)


class ClientConnection(asyncio.Protocol):
    """A connection from a client, known to its gateway from its making to its end."""

    __slots__ = (
        "_body",
        "_busy",
        "_closing",
        "_partial",
        "_pending",
        "_plans",
        "_reading",
        "_served",
        "_shared",
        "_untaken",
        "deadline",
        "exchange",
        "forwarded",
        "full",
        "gateway",
        "grant",
        "peer",
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
        self.peer = ""
        """The IP address of whoever connected."""
        self._plans: PlanBook = None  # type: ignore[assignment] # until connection_made
        self._served = False  # a request went to a service
        self._shared = False  # requests were under different grants, or some under none
        self._untaken = 0  # bytes that the client had not taken when last looked at
        self._busy = False  # False: what arrives is the beginning of a request head
        self._partial = bytearray()  # of a request head
        self._pending = b""  # what followed the request under way
        self._body: RequestBody | None = None  # what is still to come of the request's body
        self._reading: Reading = None  # type: ignore[assignment] # until connection_made
        self.full = False  # the client does not read what was written
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._reading = Reading(self.transport)
        peer = transport.get_extra_info("peername")
        # Whoever comes by a UNIX socket is on this machine, and what services know of that is loopback.
        self.peer = peer[0].partition("%")[0] if isinstance(peer, tuple) else "127.0.0.1"
        gateway = self.gateway
        self._plans, self.forwarded = gateway.known_peer(self.peer)
        gateway.connections.add(self)

    # -- from the client

    def data_received(self, data: bytes) -> None:
        if self._busy:
            self._more(data)
            return
        # The usual case: a whole head, and one that came before.
        plan = self._plans.get(data) if len(data) <= REMEMBERED_BYTES else None
        if plan is None:
            self._requests(data)
            return
        self._begin(plan, b"")
        if self._busy and self.exchange is None:
            self._wait_to_be_read(b"")

    def _requests(self, data: bytes) -> None:
        """Serves the requests that begin in `data`, until one has to wait for its answer or is incomplete."""
        plans = self._plans
        while True:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self._unfinished(data)
                return
            raw, rest = (data, b"") if end == len(data) else (data[:end], data[end:])
            # Most heads came before: everything that follows from their bytes is in their plan.
            plan = plans.get(raw)
            if plan is None:
                plan = self._new_plan(raw)
                if plan is None:
                    return
            self._begin(plan, rest)
            if self._busy:
                if self.exchange is None:
                    self._wait_to_be_read(rest)
                return
            if not rest:
                return
            data = rest

    def _wait_to_be_read(self, rest: bytes) -> None:
        """The client does not read its answers: no more of them for now."""
        if not self._closing:
            self._pending = rest
            self._reading.hold(_PIPELINED)

    def _new_plan(self, raw: bytes) -> RequestPlan | None:
        """The plan for a head that is not remembered; None if it was refused."""
        # RFC 9112 section 2.2: one empty line before a request is ignored.
        head = raw[2:] if raw.startswith(b"\r\n") else raw
        try:
            return self._plans.make(head)
        except FramingError as error:
            self.answer(own_answers.head_refusal(problem_pages.bad_request(error), bytes(head)))
        except HatchwayError as error:
            self.answer(own_answers.head_refusal(error, bytes(head)))
        return None

    def _unfinished(self, data: bytes) -> None:
        """Keeps the beginning of a head until the rest comes."""
        if self._may_become_a_head(data, 0):
            self._busy = True
            self._partial += data
            limit = self.gateway.pool.now + self.gateway.limits.head_seconds
            self.deadline = min(self.deadline, limit)

    def _may_become_a_head(self, head: bytes | bytearray, searched: int) -> bool:
        limits = self.gateway.limits
        try:
            check_unfinished_head(head, searched, max_head=limits.head_bytes, max_target=limits.target_bytes)
        except FramingError as error:
            self.answer(own_answers.head_refusal(problem_pages.bad_request(error), bytes(head)))
            return False
        return True

    def _more(self, data: bytes) -> None:
        """What arrives while a head is incomplete, or while a request is served."""
        if self._closing:
            return
        if self._partial:
            self._more_of_head(data)
        elif self._body is not None:
            self._more_of_body(self._body, data)
        else:
            # The next request has to wait, and what follows it stays in the socket.
            self._pending += data
            self._reading.hold(_PIPELINED)

    def _more_of_head(self, data: bytes) -> None:
        partial = self._partial
        searched = max(0, len(partial) - 3)
        partial += data
        if partial.find(b"\r\n\r\n", searched) < 0:
            self._may_become_a_head(partial, searched)
            return
        self._partial = bytearray()
        self._busy = False
        self._requests(bytes(partial))

    def _begin(self, plan: RequestPlan, rest: bytes) -> None:
        if plan.own_answer:
            unread = plan.body != 0
            self.answer(own_answers.plain(plan.own_answer, plan, close=unread, lingers=unread))
            return
        verdict = self.gateway.backend.resolve(plan.destination, plan.facts)
        if verdict.__class__ is Deny and plan.body == 0:
            self.answer(own_answers.denial(verdict.error, plan, close=False))
            return
        exchange = self.exchange = Exchange(self, plan)
        self._busy = True
        if plan.body:
            self._body = RequestBody(plan.body, self.gateway.limits.head_bytes, plan.secret)
        if verdict.__class__ is Allow:
            self._allowed(exchange, verdict)
        else:
            self.deadline = _FOREVER  # the backend has its own
            self.hold_dialling()
            self.gateway.spawn(self._decided(exchange, verdict, self.gateway.grants.changes))
        if rest and self.exchange is exchange:
            self._more(rest)

    async def _decided(self, exchange: Exchange, verdict: Verdict | Awaitable[Verdict], ended: int) -> None:
        settled = await settle(verdict, ended, exchange.plan, self.gateway.backend, self.gateway.grants)
        if exchange.over or self.exchange is not exchange:
            return
        if isinstance(settled, Allow):
            self._allowed(exchange, settled)
        else:
            exchange.abandon()
            self.answer(own_answers.denial(settled.error, exchange.plan, close=not exchange.request_done))

    def _allowed(self, exchange: Exchange, allow: Allow) -> None:
        grant = self.grant
        if grant is None or grant.id != allow.grant_id or grant.expires_at != allow.expires_at:
            self._enter_grant(allow, grant)
        plan = exchange.plan
        answer = plan.own_answer_to(allow) if plan.detour else b""
        if answer:
            exchange.abandon()
            self.answer(own_answers.plain(answer, plan, close=not exchange.request_done))
        else:
            exchange.start(allow)

    def _enter_grant(self, allow: Allow, left: LiveGrant | None) -> None:
        grant_id = allow.grant_id
        self._shared = self._shared or (self._served and (left is None or left.id != grant_id))
        self._served = True
        if grant_id is not None:
            self.grant = self.gateway.grants.enter(self, grant_id, allow.expires_at, left)
        elif left is not None:
            left.members.discard(self)
            self.grant = None

    def _more_of_body(self, body: RequestBody, data: bytes) -> None:
        exchange = self.exchange
        assert exchange is not None
        try:
            pieces, rest = body.feed(data)
        except FramingError as error:
            # The service has seen a part of this request, and must not take it for all of it.
            exchange.abandon()
            exchange.fail(problem_pages.bad_request(error))
            return
        exchange.request_body(pieces)
        if body.done:
            self._body = None
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

    def answer(self, own: OwnAnswer) -> None:
        """Answers the request under way without a service."""
        self.transport.write(own.dated(self.gateway.date))
        self.finish(close=own.close, unread=own.lingers)

    def finish(self, *, close: bool, unread: bool = False) -> None:
        """The answer is written: goes on with the next request, or closes.

        Args:
            close: the connection cannot go on.
            unread: the client may still be sending what nobody will read.
        """
        self.exchange = None
        unread = unread or self._body is not None
        if close or unread or self.gateway.draining:
            self._close(unread or self._pending != b"")
            return
        self.deadline = self.gateway.pool.now + self.gateway.limits.idle_seconds
        if self.full:
            self._busy = True  # `resume_writing` goes on
            return
        self._busy = False
        if self._reading.holds:
            self._reading.release_all()
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
        self._body = None
        if self.transport.is_closing():
            return
        if unread and self.transport.can_write_eof():
            self.deadline = self.gateway.pool.now + self.gateway.limits.linger_seconds
            self._reading.release_all()
            self.transport.write_eof()
        else:
            self.deadline = self.gateway.pool.now + self.gateway.limits.idle_seconds
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
        if self._body is not None:
            self._reading.hold(_DIALLING)

    def release_dialling(self) -> None:
        """There is one now."""
        if self._reading.holds:
            self._reading.release(_DIALLING)

    def hold_upstream(self) -> None:
        """The upstream does not take more of the body for now."""
        self._reading.hold(_UPSTREAM_FULL)

    def release_upstream(self) -> None:
        """It takes more again."""
        self._reading.release(_UPSTREAM_FULL)

    # -- ends

    def timed_out(self) -> None:
        """The deadline has passed."""
        self.deadline = _FOREVER
        if self.exchange is not None:
            self.exchange.timed_out()
        elif self._partial:
            late = HatchwayError("head_timeout", "the request's head took too long to arrive", status=408)
            self.answer(own_answers.head_refusal(late, bytes(self._partial)))
        elif self._still_reads():
            self.deadline = self.gateway.pool.now + self.gateway.limits.idle_seconds
        else:
            self.abort()

    def check_peer(self) -> None:
        """Ends it if the client has left while it was not read from, which nothing else would notice."""
        if self._reading.holds and has_left(self.transport):
            self.abort()

    def _still_reads(self) -> bool:
        """Whether the client has taken some of the end of its answer since this was last asked, but not all."""
        if not self.transport.get_write_buffer_size():
            return False
        before, self._untaken = self._untaken, untaken_bytes(self.transport)
        return not before or self._untaken < before

    def cut(self) -> None:
        """The grant ended. An idle connection that also served others stays: closing it could lose a request of
        theirs that is on its way. The next one under this grant is refused."""
        self.grant = None
        if self.exchange is not None or self.transport.get_write_buffer_size():
            self.abort()
        elif not self._shared and not self._partial and not self._closing:
            self._close(unread=False)

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
        if exchange is not None or self.transport.get_write_buffer_size():
            make_reset(self.transport)
        self.transport.abort()

    def hand_over(self) -> bytes:
        """Leaves the socket to a tunnel. Returns what the client sent after its request."""
        self.exchange = None
        self._closing = self._busy = True
        self.gateway.connections.discard(self)
        if self.grant is not None:
            self.grant.members.discard(self)
        self._reading.release_all()
        pending, self._pending = self._pending, b""
        return pending
