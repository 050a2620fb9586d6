"""The head as a service sees it. Pure.

It sees a plain local request: `Host`, and what `Origin` and `Referer` say about the gateway's own address, become
`localhost:{port}`; nothing of our credentials, of the token, or of the connection to the client is in it.
Everything else passes as it came, in number, order and spelling.
"""

from __future__ import annotations

import re

from hatchway.gateway.framing import CHUNKED, RequestHead
from hatchway.gateway.hop_by_hop import HOP_BY_HOP, passed_on
from hatchway.gateway.service_view import ServiceView
from hatchway.preview.address import parse_host

_NOT_FOR_SERVICES = frozenset(
    {
        b"forwarded",
        b"hatchway-preview-token",
        b"hatchway-token",
        b"host",
        b"x-real-ip",
        b"x-rivet-token",
    }
)
_HIDDEN = b"preview"


def fields_for_control(head: RequestHead, host: bytes, upgrade: bytes | None) -> bytes:
    """The fields of a request to the control API: as they came, but for what belongs to the connection. Ends with
    the empty line."""
    lines = [each.line for each in passed_on(head.fields, head.connection, HOP_BY_HOP | {b"host"})]
    return b"".join((b"Host: ", host, b"\r\n", *lines, _framing(head), _upgrade(upgrade), b"\r\n"))


def fields_for_service(
    head: RequestHead, view: ServiceView, *, upgrade: bytes | None, drop_authorization: bool
) -> bytes:
    """The fields of a request to a service, without the `forwarded_lines` and the empty line that follow them."""
    dropped = HOP_BY_HOP
    if drop_authorization:
        dropped |= {b"authorization"}
    if head.minor == 0:
        dropped |= {b"expect"}  # RFC 9110 section 10.1.1: HTTP/1.0 has no interim answers
    lines = []
    for each in passed_on(head.fields, head.connection, dropped):
        line: bytes = each.line
        # CGI and WSGI take `_` for `-`, so that X_Forwarded_For would stand beside ours (RFC 3875 section 4.1.18).
        plain = each.name.replace(b"_", b"-") if b"_" in each.name else each.name
        if plain.startswith(b"x-forwarded-") or plain in _NOT_FOR_SERVICES:
            continue
        if each.name == b"origin":
            line = b"Origin: %s\r\n" % _local_origin(each.value, view)
        elif each.name == b"referer":
            referer = _local_referer(each.value, view)
            line = b"Referer: %s\r\n" % referer if referer else b""
        lines.append(line)
    block = b"".join((*lines, _framing(head), _upgrade(upgrade)))
    if view.token:
        block = hide_token(block, view.token)
    if view.forward_host and view.authority:
        block += b"X-Forwarded-Host: %s\r\n" % view.authority
    return b"Host: localhost:%d\r\n%s" % (view.port, block)


def _framing(head: RequestHead) -> bytes:
    if head.body == CHUNKED:
        return b"Transfer-Encoding: chunked\r\n"
    # A length of 0 is passed on if it was there: a POST without one makes some services wait or answer 411.
    if head.body or any(each.name == b"content-length" for each in head.fields):
        return b"Content-Length: %d\r\n" % head.body
    return b""


def _upgrade(upgrade: bytes | None) -> bytes:
    return b"Connection: upgrade\r\nUpgrade: %s\r\n" % upgrade if upgrade else b""


def hide_token(text: bytes, token: str) -> bytes:
    """`text` with every occurrence of the token, in any case, replaced by a harmless word."""
    secret = token.encode("latin-1")
    if secret not in text.lower():
        return text
    return re.sub(re.escape(secret), _HIDDEN, text, flags=re.IGNORECASE)


def _after_own_origin(url: bytes, view: ServiceView) -> bytes | None:
    """What follows the gateway's own origin in `url`; None if it is another's."""
    lowered = url.lower()
    if view.authority:
        for scheme in (b"http://", b"https://"):
            origin = scheme + view.authority.lower()
            if lowered.startswith(origin) and url[len(origin) : len(origin) + 1] in (b"", b"/", b"?"):
                return url[len(origin) :]
    return None


def _is_a_preview(url: bytes, view: ServiceView) -> bool:
    authority = re.match(rb"[a-z]+://([^/?#]*)", url.lower())
    return authority is not None and parse_host(authority[1], view.preview_domain) is not None


def _local_origin(origin: bytes, view: ServiceView) -> bytes:
    """An own Origin becomes the service's; a foreign one passes, so that the service can refuse it; another
    preview's is hidden."""
    if _after_own_origin(origin, view) == b"":
        return view.local_origin
    return b"null" if _is_a_preview(origin, view) else origin


def _local_referer(referer: bytes, view: ServiceView) -> bytes | None:
    rest = _after_own_origin(referer, view)
    if rest is None:
        return None if _is_a_preview(referer, view) else referer
    if view.prefix:
        # Under the shared origin any other path is the control API's or another preview's.
        inside = rest.startswith(view.prefix) and rest[len(view.prefix) :][:1] in (b"", b"/", b"?")
        rest = rest[len(view.prefix) :] if inside else b""
    return view.local_origin + (rest if rest.startswith(b"/") else b"/" + rest)
