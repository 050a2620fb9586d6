"""How the answers to one kind of request look to the client, remembered for heads that repeat. Pure."""

from __future__ import annotations

from hatchway.gateway.framing import FramingError, parse_answer_head
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.recent import Recent
from hatchway.gateway.rewrite_answer import answer_for_client, body_on_the_wire, upstream_stays_open
from hatchway.gateway.service_view import ServiceView

_REMEMBERED = 16
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

    def render(self, raw: bytes, *, close: bool) -> Answer:
        """The answer for the client, for a head that is not remembered.

        Args:
            raw: the head that the upstream sent, with its empty line.
            close: the client's connection has to end after it, whatever the request said.

        Raises:
            FramingError: the head is not HTTP/1.x.
        """
        head = parse_answer_head(raw, max_fields=self._limits.header_fields)
        if head.status == 101 and (not self._upgrade or b"upgrade" not in head.connection):
            raise FramingError("the service switched protocols without being asked")
        body = body_on_the_wire(head, head_only=self._head_only)
        chunked = body < 0 and self._minor == 1
        ends = close or not self._keep_alive
        rendered = answer_for_client(head, self._view, body=body, chunked=chunked, close=ends)
        reusable = upstream_stays_open(head, body)
        answer = Answer(head.status, rendered, body, chunked=chunked, reusable=reusable, close=ends)
        if not close and len(raw) <= _HEAD_BYTES:
            self.remember(raw, answer)
        return answer
