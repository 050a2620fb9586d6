"""One request and its answer: who waits for whom, the retry on a fresh connection, early answers, and every
way it can break.

It stands between a client's connection and an upstream's, and lives as long as both serve the same request.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from hatchway.errors import HatchwayError
from hatchway.gateway import own_answers
from hatchway.gateway.body import encode_chunk, encode_last_chunk
from hatchway.gateway.forwarded import forwarded_lines
from hatchway.gateway.framing import FramingError
from hatchway.gateway.seam import Allow, Upstream
from hatchway.gateway.tunnel import Tunnel

if TYPE_CHECKING:
    from hatchway.gateway.answers import Answer
    from hatchway.gateway.downstream import ClientConnection
    from hatchway.gateway.plan import RequestPlan, Route
    from hatchway.gateway.upstream import UpstreamConnection

_log = logging.getLogger(__name__)
_FOREVER = float("inf")
_SOON = 2.0
"""A service that closes after more than these seconds has served the request, or was ended by it: not once more."""
_MOST_DIALS = 3
"""How many fresh connections one request may use up. More than two, since what tries its port may try it several times,
as on 0.0.0.0 and then on ::."""


class Exchange:
    """One request under way.

    Args:
        client: the connection it came on.
        plan: what its head means.
    """

    __slots__ = (
        "_answering",
        "_chunked",
        "_client",
        "_connection",
        "_dialling",
        "_dials",
        "_held",
        "_over",
        "_unsent",
        "_upstream",
        "limits",
        "plan",
        "request_done",
        "route",
    )

    route: Route
    """Set by `start`."""
    _upstream: Upstream

    def __init__(self, client: ClientConnection, plan: RequestPlan) -> None:
        self._client = client
        self._connection: UpstreamConnection | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._held: list[bytes] = []
        self._answering = False
        self._chunked = False
        self._dials = 0
        self._over = False
        self._unsent: list[bytes] = []  # of the answer
        self.plan = plan
        self.limits = client.gateway.limits
        self.request_done = plan.body == 0
        """The client has sent all of its request."""

    @property
    def over(self) -> bool:
        """The client is gone, or has its answer from elsewhere."""
        return self._over

    def start(self, allow: Allow) -> None:
        """Sends the request head to where `allow` says, on a pooled connection or a fresh one."""
        client = self._client
        self._upstream = allow.upstream
        self.route = self.plan.route(allow)
        connection = client.gateway.pool.take(allow.upstream, repeatable=self.plan.repeatable)
        if connection is not None:
            self._attach(connection)
        else:
            self._dial()

    def _attach(self, connection: UpstreamConnection) -> None:
        client = self._client
        self._connection = connection
        head = self.route.request
        if self.route.forwarded:
            claims = self.plan.shape.claims
            head += client.forwarded if claims is None else self._forwarded_by_proxy()
        connection.send(self, head)
        if self._held:
            connection.transport.writelines(self._held)
            self._held = []
        if not self.request_done:
            client.release_dialling()
            self.moved()
        else:
            self._await_answer()

    def _await_answer(self) -> None:
        """The control API takes its time: waiting for a process to end lasts as long as the process does."""
        client = self._client
        seconds = self.limits.answer_seconds if self._upstream.vm_id is not None else _FOREVER
        client.deadline = client.gateway.pool.now + seconds

    def _forwarded_by_proxy(self) -> bytes:
        client, shape = self._client, self.plan.shape
        return forwarded_lines(client.peer, shape.face.scheme, shape.face.port, shape.claims) + b"\r\n"

    def _dial(self) -> None:
        self._dials += 1
        self._client.deadline = _FOREVER  # a VM may have to boot, and a dial has limits of its own
        self._client.hold_dialling()
        self._dialling = self._client.gateway.spawn(self._dialled())

    async def _dialled(self) -> None:
        pool = self._client.gateway.pool
        try:
            connection = await pool.connect(self._upstream)
        except HatchwayError as error:
            self._dialling = None
            self.fail(error)
        except Exception as error:  # noqa: BLE001 - whatever a backend lets through must not reach a client
            _log.error("dialling an upstream failed: %s", type(error).__name__)
            self._dialling = None
            self.fail(HatchwayError("upstream_failed", "the service could not be reached", status=502))
        else:
            self._dialling = None
            if connection.is_usable:
                self._attach(connection)
            elif connection.spoke:
                self.bad_answer()  # such as a banner, with which other protocols begin
            else:
                self.upstream_lost(silent=True)

    # -- from the client

    def request_body(self, pieces: list[bytes]) -> None:
        """Passes on a part of the request's body, in the coding of its head."""
        if self._connection is None:
            self._held += pieces
            return
        if len(pieces) == 1:
            self._connection.transport.write(pieces[0])
        elif pieces:
            self._connection.transport.writelines(pieces)
        self.moved()

    def request_end(self) -> None:
        """The client has sent all of its request."""
        self.request_done = True
        if self._connection is not None and not self._answering:
            self._await_answer()

    def client_full(self) -> None:
        """The client reads more slowly than the service sends."""
        if self._connection is not None:
            self._connection.pause_reading()

    def client_drained(self) -> None:
        """The client caught up."""
        if self._connection is not None:
            self._connection.resume_reading()

    def abandon(self) -> None:
        """The client is gone, or must not get more: the service is told by the end of its connection."""
        self._over = True
        self._held = []
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()  # it may be waiting for a service that has yet to start
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.exchange = None
            connection.drop()

    def timed_out(self) -> None:
        """No answer came in time, or nothing moves any more."""
        self.abandon()
        if self.request_done:
            error = HatchwayError(
                "answer_timeout",
                f"the service took the request but did not answer within {self.limits.answer_seconds:g} seconds",
                "look at what the service is doing, then try again",
                status=504,
            )
        else:
            error = HatchwayError("request_stalled", "the rest of the request did not come", status=408)
        self.fail(error)

    def moved(self) -> None:
        """A part of a body was passed on. The control API may be quiet for as long as it likes."""
        client = self._client
        idle = self.limits.stream_idle_seconds if self._upstream.vm_id is not None else _FOREVER
        client.deadline = client.gateway.pool.now + idle

    # -- from the service

    def upstream_full(self) -> None:
        """The service reads more slowly than the client sends."""
        self._client.hold_upstream()

    def upstream_drained(self) -> None:
        """The service caught up."""
        self._client.release_upstream()

    def render(self, raw: bytes) -> Answer:
        """The answer for the client, for a head that is not remembered.

        Raises:
            FramingError: it is too long, or not HTTP/1.x.
        """
        if len(raw) > self.limits.head_bytes:
            raise FramingError("the answer's head is too long")
        return self.route.answers.render(raw, self._client.gateway.date, close=not self.request_done)

    def interim(self, answer: Answer) -> None:
        """A 1xx answer; HTTP/1.0 has none (RFC 9110 section 15.2)."""
        if self.plan.shape.head.minor == 1:
            self._client.transport.write(answer.head)

    def answer_head(self, answer: Answer) -> None:
        """The head of the final answer, whose body follows."""
        self._answering = True
        self._chunked = answer.chunked
        self._unsent.append(answer.head)

    def whole_answer(self, answer: Answer, data: bytes) -> None:
        """The final answer, head and body in one."""
        self._over = True
        self._connection = None
        client = self._client
        client.transport.write(data)
        client.finish(close=answer.close)

    def answer_body(self, pieces: list[bytes]) -> None:
        """A part of the answer's body, decoded."""
        self._unsent += encode_chunk(pieces) if self._chunked else pieces

    def send_answer(self) -> None:
        """Passes on what there is of the answer: what came in one piece leaves in one, with one system call."""
        unsent = self._unsent
        if len(unsent) == 1:
            self._client.transport.write(unsent.pop())
        elif unsent:
            self._unsent = []
            self._client.transport.writelines(unsent)
        self.moved()

    def answer_done(self, answer: Answer, trailers: list[bytes]) -> None:
        """The answer is complete."""
        self._over = True
        self._connection = None
        if answer.chunked:
            self._unsent.append(encode_last_chunk(trailers))
        self.send_answer()
        self._client.finish(close=answer.close)

    def switch_protocols(self, answer: Answer, first: bytes) -> None:
        """A 101: from here on it is a tunnel."""
        self._over = True
        connection, self._connection = self._connection, None
        assert connection is not None
        client = self._client
        client.transport.write(answer.head)
        Tunnel(
            client,
            connection,
            websocket=(self.plan.shape.upgrade or b"").lower() == b"websocket",
            first=first,
        )

    def bad_answer(self) -> None:
        """What the service sent is not an answer; its connection is gone already."""
        self.fail(
            HatchwayError(
                "bad_answer",
                f"what answers on port {self._upstream.port} does not speak HTTP correctly",
                "look at the service: it may be no HTTP server, or have failed while answering",
                status=502,
            )
        )

    def upstream_lost(self, *, silent: bool) -> None:
        """The service closed the connection before its answer was complete.

        A request that may be repeated (RFC 9110 section 9.2.2) and got not one byte of an answer is sent again, on a
        fresh connection: a pooled one may have been closed before the request reached it, and a fresh one may be that
        of a listener that only tried its port. Development servers listen for an instant to see whether a port is free,
        and the close that follows resets whoever connected meanwhile.

        Args:
            silent: without a single byte of an answer.
        """
        self._connection = None
        if silent and self.plan.repeatable and self._dials < _MOST_DIALS and self._waited() <= _SOON:
            self._dial()
            return
        self.fail(
            HatchwayError(
                "upstream_closed",
                f"the service on port {self._upstream.port} closed the connection without an answer",
                "look at the service's output, and try again once it runs",
                status=502,
            )
        )

    def _waited(self) -> float:
        """How many seconds the service has had for its answer, of a request that is complete."""
        client = self._client
        return client.gateway.pool.now - (client.deadline - self.limits.answer_seconds)

    def fail(self, error: HatchwayError) -> None:
        """Answers with `error`, or, if an answer has begun, breaks the connection so that the truncation
        shows."""
        if self._client.exchange is not self:
            return
        self._over = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.exchange = None
            connection.drop()
        if self._answering:
            self._client.abort()
        else:
            self._client.answer(own_answers.refusal(error, self.plan, close=not self.request_done))
