"""One connection to a service: writes requests, parses answers, one exchange at a time."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, cast

from hatchway.gateway.body import ChunkedDecoder
from hatchway.gateway.framing import CHUNKED, UNTIL_CLOSE, FramingError, check_unfinished_answer
from hatchway.gateway.seam import Upstream

if TYPE_CHECKING:
    from hatchway.gateway.answers import Answer
    from hatchway.gateway.exchange import Exchange
    from hatchway.gateway.pool import Pool


class UpstreamConnection(asyncio.Protocol):
    """A connection to `upstream`, in the pool's books from its making to its end."""

    __slots__ = (
        "_answer",
        "_at_eof",
        "_decoder",
        "_dropped",
        "_heard",
        "_left",
        "_partial",
        "_pool",
        "_reading",
        "_spare",
        "exchange",
        "idle_since",
        "spoke",
        "transport",
        "upstream",
    )

    def __init__(self, pool: Pool, upstream: Upstream) -> None:
        self._pool = pool
        self.upstream = upstream
        self.transport: asyncio.Transport = None  # type: ignore[assignment] # until connection_made
        self.exchange: Exchange | None = None
        self.idle_since = 0.0
        self.spoke = False
        """The service said something that nobody asked for."""
        self._heard = False  # an interim answer to the request under way
        self._partial = bytearray()  # of an answer's head
        self._answer: Answer | None = None
        self._left = 0
        self._decoder: ChunkedDecoder | None = None
        self._reading = True
        self._at_eof = False
        self._dropped = False
        self._spare: socket.socket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._pool.opened(self)

    @property
    def is_usable(self) -> bool:
        """Whether a request may be sent: the service has neither left nor said anything before it was asked."""
        return not (self.spoke or self._at_eof or self.transport.is_closing())

    # -- towards the service

    def send(self, exchange: Exchange, head: bytes) -> None:
        """Begins an exchange with a request head."""
        self.exchange = exchange
        self.transport.write(head)
        if exchange.plan.body:
            self._keep_socket()

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.upstream_full()

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.upstream_drained()

    # -- from the service

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self.spoke = True
            self.drop()  # an answer to nobody
            return
        try:
            if self._answer is not None:
                self._body(exchange, data)
            else:
                self._head(exchange, self._more_of_head(exchange, data) if self._partial else data)
            if self._answer is not None:
                exchange.send_answer()
        except FramingError:
            exchange.send_answer()
            self.exchange = None
            self.drop()
            exchange.bad_answer()

    def _head(self, exchange: Exchange, data: bytes) -> None:
        while True:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                if data:
                    check_unfinished_answer(data, 0, max_head=exchange.limits.head_bytes)
                    self._partial += data
                return
            raw = data if end == len(data) else data[:end]
            answer = exchange.route.answers.get(raw) if exchange.request_done else None
            if answer is None:
                answer = exchange.render(raw)
            if answer.status >= 200:
                break
            data = data[end:]
            if answer.status == 101:
                self.exchange = None
                self._pool.ended(self)
                exchange.switch_protocols(answer, data)
                return
            exchange.interim(answer)
            self._heard = True
        body = answer.body
        if body == len(data) - end:
            # The usual case: the whole answer came in one piece and leaves in one.
            self._release(exchange, answer)
            exchange.whole_answer(answer, answer.head + data[end:] if body else answer.head)
            return
        exchange.answer_head(answer)
        self._answer = answer
        self._left = body
        self._decoder = ChunkedDecoder(exchange.limits.head_bytes) if body == CHUNKED else None
        if end < len(data):
            self._body(exchange, data[end:])

    def _more_of_head(self, exchange: Exchange, data: bytes) -> bytes:
        """The head that was begun, with what follows it, once it is complete; b"" while it is not."""
        partial = self._partial
        searched = len(partial)
        partial += data
        if partial.find(b"\r\n\r\n", max(0, searched - 3)) < 0:
            check_unfinished_answer(partial, searched, max_head=exchange.limits.head_bytes)
            return b""
        self._partial = bytearray()
        return bytes(partial)

    def _body(self, exchange: Exchange, data: bytes) -> None:
        answer = self._answer
        assert answer is not None
        if self._decoder is not None:
            pieces = self._decoder.feed(data)
            exchange.answer_body(pieces)
            if self._decoder.done:
                self._done(exchange, answer, self._decoder.trailers, surplus=bool(self._decoder.rest))
        elif answer.body == UNTIL_CLOSE:
            exchange.answer_body([data])
        elif len(data) < self._left:
            self._left -= len(data)
            exchange.answer_body([data])
        else:
            surplus = len(data) > self._left
            if self._left:
                exchange.answer_body([data[: self._left] if surplus else data])
            self._done(exchange, answer, surplus=surplus)

    def _done(
        self,
        exchange: Exchange,
        answer: Answer,
        trailers: list[bytes] | None = None,
        *,
        surplus: bool = False,
    ) -> None:
        self._answer = None
        self._decoder = None
        self._release(exchange, answer, surplus=surplus)
        exchange.answer_done(answer, trailers or [])

    def _release(self, exchange: Exchange, answer: Answer, *, surplus: bool = False) -> None:
        """The answer is complete: the connection goes back to the pool, if both sides are done with it."""
        self.exchange = None
        self._heard = False
        if self._spare is not None:
            self._drop_spare()
        unsent = exchange.plan.body and self.transport.get_write_buffer_size()
        if answer.reusable and exchange.request_done and not (surplus or unsent or self._at_eof):
            if not self._reading:
                self.resume_reading()
            self._pool.give(self)
        else:
            self.drop()

    def eof_received(self) -> None:
        self._at_eof = True
        if self.exchange is None:
            self._pool.withdraw(self)  # at once: it is still open for a turn of the loop

    # A service may answer before it has read the request, and close: 413 does. The reset that follows then fails a
    # write of ours and ends the transport with the answer unread. It is still in the socket, so a second descriptor
    # keeps that open.

    def _keep_socket(self) -> None:
        sock = self.transport.get_extra_info("socket")
        if sock is not None and self._spare is None:
            self._spare = socket.socket(fileno=os.dup(sock.fileno()))

    def _drop_spare(self) -> None:
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    def _read_what_is_left(self) -> None:
        spare, self._spare = self._spare, None
        if spare is None:
            return
        with spare:
            spare.setblocking(False)
            while self.exchange is not None:
                try:
                    data = spare.recv(65536)
                except OSError:
                    return
                if not data:
                    self._at_eof = True
                    return
                self.data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self._read_what_is_left()
        self._drop_spare()
        self._pool.lost(self)
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        answer, self._answer = self._answer, None
        if answer is not None and answer.body == UNTIL_CLOSE and self._at_eof and error is None:
            exchange.answer_done(answer, [])
        else:
            # One that was dropped, as when its preview is revoked or its VM ends, must not be made again.
            silent = not (self._partial or self._heard or self._dropped) and answer is None
            exchange.upstream_lost(silent=silent)

    # -- for the exchange and the pool

    def pause_reading(self) -> None:
        """The client is slow: the service has to wait."""
        if self._reading and not self.transport.is_closing():
            self._reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """The client caught up."""
        if not self._reading and not self.transport.is_closing():
            self._reading = True
            self.transport.resume_reading()

    def close(self) -> None:
        """Ends an unused connection."""
        self.transport.close()

    def drop(self) -> None:
        """Ends the connection at once. An exchange on it learns of that by itself."""
        self._dropped = True
        self.transport.abort()
