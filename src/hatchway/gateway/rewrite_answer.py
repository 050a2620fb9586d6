"""An answer's head as the client sees it. Pure.

The service's own addresses in it are mapped back to the public ones, and what a preview's visitor's browser needs is
added. Everything else passes as it came, in number, order and spelling.
"""

from __future__ import annotations

from typing import NamedTuple

from hatchway.gateway.cors import ANSWER_HEADERS
from hatchway.gateway.framing import UNTIL_CLOSE, AnswerHead, Field
from hatchway.gateway.hop_by_hop import HOP_BY_HOP, passed_on
from hatchway.gateway.service_view import ServiceView

SANDBOX = b"sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads"
"""The policy of a preview in path mode: without allow-same-origin its pages have an opaque origin, not the
control API's."""

# In path mode these would act on the origin that the preview shares with the control API.
_NOT_FROM_SHARED_ORIGIN = frozenset(
    {b"clear-site-data", b"service-worker-allowed", b"strict-transport-security"}
)
MAPPED = frozenset({b"location", b"content-location", b"set-cookie"})
"""The fields whose values are rewritten."""
_NOTHING: frozenset[bytes] = frozenset()
_SERVICE_HOSTS = (b"localhost", b"127.0.0.1", b"[::1]", b"0.0.0.0")


class AnswerParts(NamedTuple):
    """An answer's head for the client, before it is put together."""

    start: bytes
    """The status line."""
    kept: list[Field]
    """What the client gets of the fields."""
    end: bytes
    """What is added behind them, with the empty line."""


def put_together(parts: AnswerParts, view: ServiceView | None) -> bytes:
    """The whole head, in which the service's own addresses are mapped back."""
    mapped = MAPPED if view is not None and view.preview else _NOTHING
    lines = [
        _mapped(each, view) if view is not None and each.name in mapped else each.line for each in parts.kept
    ]
    return parts.start + b"".join(lines) + parts.end


def answer_parts(
    answer: AnswerHead, view: ServiceView | None, *, body: int, chunked: bool, close: bool
) -> AnswerParts:
    """What a client gets of an answer's head.

    Args:
        answer: as the upstream sent it.
        view: None for the control API, whose answers pass as they came.
        body: the length of the body that follows (see framing), 0 also where the request or status allows
            none.
        chunked: the body goes to the client in the chunked coding.
        close: the client's connection ends with this answer.
    """
    status = answer.status
    interim = status < 200
    dropped = HOP_BY_HOP
    if view is not None:
        dropped |= {b"hatchway-error"}
        if view.sandbox:
            dropped |= _NOT_FROM_SHARED_ORIGIN
    # A length is passed on where it frames the body, and where it tells what GET would give (RFC 9110 section
    # 8.6).
    if not interim and status != 204 and body >= 0 and not chunked:
        dropped -= {b"content-length"}
    upgrade = status in (101, 426)
    options = answer.connection
    if upgrade:
        dropped -= {b"upgrade"}
        options -= {b"upgrade"}
    kept = passed_on(answer.fields, options, dropped)
    end = b"Transfer-Encoding: chunked\r\n" if chunked else b""
    if view is not None and not interim:
        end += _additions({each.name for each in kept}, view)
    if upgrade:
        end += b"Connection: upgrade, close\r\n" if close and status != 101 else b"Connection: upgrade\r\n"
    elif close and not interim:
        end += b"Connection: close\r\n"
    return AnswerParts(b"HTTP/1.1 %d %s\r\n" % (status, answer.reason), kept, end + b"\r\n")


def _additions(names: set[bytes], view: ServiceView) -> bytes:
    added = b""
    if view.cors and b"access-control-allow-origin" not in names:
        added += ANSWER_HEADERS
    if view.preview and b"referrer-policy" not in names:
        added += b"Referrer-Policy: same-origin\r\n"
    if view.sandbox:
        # Beside a policy of the service's own: a browser enforces all of them.
        added += b"Content-Security-Policy: %s\r\n" % SANDBOX
    return added


def _mapped(each: Field, view: ServiceView) -> bytes:
    if each.name == b"set-cookie":
        return b"Set-Cookie: %s\r\n" % public_cookie(each.value, view)
    name = each.line.partition(b":")[0]
    return b"%s: %s\r\n" % (name, public_location(each.value, view))


def has_date(head: bytes) -> bool:
    """Whether a head holds a Date field."""
    return b"\r\nDate:" in head or b"\r\ndate:" in head.lower()


def with_date(head: bytes, date: bytes) -> bytes:
    """A head that says when it was passed on, which a recipient has to add that has a clock (RFC 9110 section 6.6.1).

    Args:
        head: without a Date field; a body may follow it.
        date: in the form of section 5.6.7.
    """
    fields, end, body = head.partition(b"\r\n\r\n")
    return b"".join((fields, b"\r\nDate: ", date, end, body))


def public_location(location: bytes, view: ServiceView) -> bytes:
    """A Location as the client must see it: the service's own address becomes the public one, a path gets the
    prefix."""
    lowered = location.lower()
    for host in _SERVICE_HOSTS:
        authority = b"//%s:%d" % (host, view.port)
        for start in (b"http:" + authority, authority):
            rest = location[len(start) :]
            if lowered.startswith(start) and rest[:1] in (b"", b"/", b"?", b"#"):
                path = rest if rest.startswith(b"/") else b"/" + rest
                public = b"%s://%s" % (view.scheme, view.authority) if view.authority else b""
                return public + view.prefix + path
    if location.startswith(b"/") and not location.startswith((b"//", b"/\\")):
        return view.prefix + location
    return location


def public_cookie(cookie: bytes, view: ServiceView) -> bytes:
    """A Set-Cookie value without Domain (the service does not know its public host), its Path under the
    prefix."""
    first, *attributes = cookie.split(b";")
    kept = [first]
    for attribute in attributes:
        name, equals, value = attribute.partition(b"=")
        name = name.strip().lower()
        if name == b"domain":
            continue
        if name == b"path" and equals and view.prefix and value.strip().startswith(b"/"):
            attribute = b" Path=" + view.prefix + value.strip()
        kept.append(attribute)
    return b";".join(kept)


def bodiless(answer: AnswerHead, *, head_only: bool) -> bool:
    """Whether no body follows, whatever the head says: to HEAD, in 1xx, 204 and 304 (RFC 9112 section 6.3)."""
    return head_only or answer.status < 200 or answer.status in (204, 304)


def body_on_the_wire(answer: AnswerHead, *, head_only: bool) -> int:
    """How long the body is that follows this head, 0 where there can be none."""
    return 0 if bodiless(answer, head_only=head_only) else answer.body


def upstream_stays_open(answer: AnswerHead, body: int) -> bool:
    """Whether the upstream keeps its connection after this answer (RFC 9112 section 9.3)."""
    if body == UNTIL_CLOSE or b"close" in answer.connection:
        return False
    return answer.minor == 1 or b"keep-alive" in answer.connection
