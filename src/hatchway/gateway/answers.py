"""How the answers to one kind of request look to the client, remembered for heads that repeat. Pure."""

from __future__ import annotations

from hatchway.gateway.answer_shape import AnswerShape, Key, key_of
from hatchway.gateway.framing import FramingError, parse_answer_head
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.recent import Recent
from hatchway.gateway.rewrite_answer import (
    answer_parts,
    bodiless,
    body_on_the_wire,
    has_date,
    put_together,
    upstream_stays_open,
    with_date,
)
from hatchway.gateway.service_view import ServiceView

_REMEMBERED = 16
_SHAPES = 16
_HEAD_BYTES = 4096


class Answer:
    """An answer's head as the client gets it, and how the body that follows is framed on both sides."""

    __slots__ = ("body", "chunked", "close", "head", "reusable", "status")

    def __init__(
        self, status: int, head: bytes, body: int, *, chunked: bool, reusable: bool, close: bool
    ) -> None:
        self.status = status
        self.head = head
        self.body = body
        """The body's length in bytes, or CHUNKED or UNTIL_CLOSE."""
        self.chunked = chunked
        """The client gets the body in the chunked coding."""
        self.reusable = reusable
        """The upstream keeps its connection afterwards."""
        self.close = close
        """The client's connection ends afterwards."""


class Answers(Recent[bytes, Answer]):
    """Answers rendered last, by the heads that the upstream sent.

    Args:
        view: how addresses look from outside and inside; None for the control API.
        limits: for heads.
        head_only: the request was HEAD.
        minor: the 1 of the request's HTTP/1.1.
        keep_alive: the client's connection goes on after the answer.
        upgrade: the request asked for an upgrade.
    """

    def __init__(
        self,
        view: ServiceView | None,
        limits: GatewayLimits,
        *,
        head_only: bool,
        minor: int,
        keep_alive: bool,
        upgrade: bool,
    ) -> None:
        super().__init__(_REMEMBERED)
        self._view = view
        self._limits = limits
        self._head_only = head_only
        self._minor = minor
        self._keep_alive = keep_alive
        self._upgrade = upgrade
        self._shapes: Recent[Key, AnswerShape] = Recent(_SHAPES)

    def render(self, raw: bytes, date: bytes, *, close: bool) -> Answer:
        """The answer for the client, for a head that is not remembered.

        Args:
            raw: the head that the upstream sent, with its empty line.
            date: the time, for a final answer that says none, in the form of RFC 9110 section 5.6.7.
            close: the client's connection has to end after it, whatever the request said.

        Raises:
            FramingError: the head is not HTTP/1.x.
        """
        if close or len(raw) > _HEAD_BYTES:
            answer = self._taken_apart(raw, close=close)
        else:
            answer = self._like_another(raw) or self._taken_apart(raw, close=False)
        if answer.status >= 200 and not has_date(raw):
            answer.head = with_date(answer.head, date)
        elif not close and len(raw) <= _HEAD_BYTES:
            self.remember(raw, answer)
        return answer

    def _like_another(self, raw: bytes) -> Answer | None:
        """Of a head that differs from one before only in values that mean nothing here; None if there was none."""
        lines = raw[:-4].split(b"\r\n")
        try:
            shape = self._shapes.get(key_of(lines))
        except ValueError:
            return None  # taken apart, it is told what is wrong with it
        if shape is None:
            return None
        rewritten = shape.rewrite(lines)
        if rewritten is None:
            return None
        head, body = rewritten
        return Answer(
            shape.status,
            head,
            body,
            chunked=shape.chunked,
            reusable=shape.reusable,
            close=not self._keep_alive,
        )

    def _taken_apart(self, raw: bytes, *, close: bool) -> Answer:
        head = parse_answer_head(raw, max_fields=self._limits.header_fields)
        if head.status == 101 and (not self._upgrade or b"upgrade" not in head.connection):
            raise FramingError("the service switched protocols without being asked")
        body = body_on_the_wire(head, head_only=self._head_only)
        chunked = body < 0 and self._minor == 1
        ends = close or not self._keep_alive
        parts = answer_parts(head, self._view, body=body, chunked=chunked, close=ends)
        reusable = upstream_stays_open(head, body)
        if not close and parts.kept and AnswerShape.fits(head):
            same = None if head.body >= 0 and not bodiless(head, head_only=self._head_only) else body
            key = key_of(raw[:-4].split(b"\r\n"))
            self._shapes.remember(key, AnswerShape(head, parts, same, chunked=chunked, reusable=reusable))
        rendered = put_together(parts, self._view)
        return Answer(head.status, rendered, body, chunked=chunked, reusable=reusable, close=ends)
