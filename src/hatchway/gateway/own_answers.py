"""What the gateway answers itself, and what becomes of the connection then. Pure.

Refusals, as `problem_pages` shows them; and what needs no service: preflights, `OPTIONS *`, and redirects to where a
preview really is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hatchway.errors import HatchwayError
from hatchway.gateway import cors, problem_pages, websocket
from hatchway.gateway.destination import PortDestination
from hatchway.gateway.rewrite_answer import with_date

if TYPE_CHECKING:
    from hatchway.gateway.plan import RequestPlan

OPTIONS_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
"""To `OPTIONS *`, which asks about the server itself (RFC 9110 section 9.3.7)."""


class OwnAnswer(NamedTuple):
    """An answer of the gateway's own."""

    data: bytes
    close: bool
    """The connection ends after it."""
    lingers: bool = False
    """The client may still be sending what nobody will read."""

    def dated(self, date: bytes) -> bytes:
        """The answer as it is sent; `date` as in `with_date`."""
        return with_date(self.data, date)


def plain(answer: bytes, plan: RequestPlan, *, close: bool, lingers: bool = False) -> OwnAnswer:
    """A whole answer from below, and whether the connection goes on.

    Args:
        answer: as for one that does.
        plan: of the request.
        close: the rest of the request was not read, so the connection cannot go on.
        lingers: and may still come.
    """
    close = close or not plan.shape.keep_alive
    if close:
        answer = answer[:-2] + b"Connection: close\r\n\r\n"
    return OwnAnswer(answer, close, lingers)


def denial(error: HatchwayError, plan: RequestPlan, *, close: bool) -> OwnAnswer:
    """To a request that is not allowed.

    A preflight is answered whoever asks for whatever: a browser tells the page of a refusal only what follows it.
    """
    return plain(plan.preflight, plan, close=close) if plan.preflight else refusal(error, plan, close=close)


def refusal(error: HatchwayError, plan: RequestPlan, *, close: bool) -> OwnAnswer:
    """To a request that cannot be served.

    Args:
        error: shown as a page or JSON, or as the reason for which a visitor's WebSocket is closed.
        plan: of the request.
        close: the rest of the request was not read, so the connection cannot go on.
    """
    shape = plan.shape
    if plan.is_preview and shape.websocket_accept and error.status in (502, 503, 504):
        # The client answers a close frame with its own.
        return OwnAnswer(websocket.refusal(shape.websocket_accept, error), close=True, lingers=True)
    close = close or not shape.keep_alive
    answer = problem_pages.render(
        error,
        as_html=shape.as_html,
        head_only=shape.head_only,
        preview=plan.is_preview,
        close=close,
        reload=shape.safe,
        details=isinstance(plan.destination, PortDestination),
    )
    return OwnAnswer(answer, close)


def head_refusal(error: HatchwayError, head: bytes) -> OwnAnswer:
    """To a request whose head, as far as it came, was not understood."""
    return OwnAnswer(problem_pages.render_for_head(error, head), close=True, lingers=True)


def preflight_answer(fields: dict[bytes, bytes]) -> bytes:
    """The answer to a preflight; b"" if the request is none.

    Args:
        fields: the values of an OPTIONS request's header fields, by their names in lower case.
    """
    wanted = fields.get(b"access-control-request-method")
    if wanted is None or b"origin" not in fields:
        return b""
    return cors.preflight_answer(wanted, fields.get(b"access-control-request-headers"))


def redirect(location: bytes, *, permanent: bool) -> bytes:
    """A redirect that keeps method and body (RFC 9110 sections 15.4.8 and 15.4.9), and is not remembered."""
    line = b"308 Permanent Redirect" if permanent else b"307 Temporary Redirect"
    return (
        b"HTTP/1.1 %s\r\nLocation: %s\r\nContent-Length: 0\r\n"
        b"Cache-Control: no-store\r\nReferrer-Policy: same-origin\r\n%s\r\n"
        % (line, location, cors.ANSWER_HEADERS)
    )
