"""The head as the service sees it, and as the client sees the answer. Pure.

The service sees a plain local request: `Host`, and what `Origin` and `Referer` say about the gateway's own
address, become `localhost:{port}`; nothing of our credentials, of the token, or of the connection to the
client is in it. The client sees the service's answer with its addresses mapped back. Everything else passes
as it came, in number, order and spelling.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hatchway.gateway.cors import ANSWER_HEADERS
from hatchway.gateway.framing import CHUNKED, UNTIL_CLOSE, AnswerHead, Field, RequestHead
from hatchway.preview.address import parse_host

SANDBOX = b"sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads"
"""The policy of a preview in path mode: without allow-same-origin its pages have an opaque origin, not the
control API's."""

# RFC 9110 section 7.6.1. Content-Length and Transfer-Encoding are always written anew from the framing that
# was parsed.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    }
)
_NOT_FOR_SERVICES = frozenset(
    {b"forwarded", b"hatchway-preview-token", b"hatchway-token", b"host", b"x-real-ip"}
)
# In path mode these would act on the origin that the preview shares with the control API.
_NOT_FROM_SHARED_ORIGIN = frozenset(
    {b"clear-site-data", b"service-worker-allowed", b"strict-transport-security"}
)
# Connection may name any field, but never take away what says where a message ends or goes.
_NEVER_NAMED = frozenset({b"content-length", b"host", b"transfer-encoding"})
_SERVICE_HOSTS = (b"localhost", b"127.0.0.1", b"[::1]", b"0.0.0.0")
_HIDDEN = b"preview"


@dataclass(frozen=True, slots=True)
class ServiceView:
    """How one request's addresses look from outside and from inside."""

    port: int
    """The service's port."""
    authority: bytes | None
    """The gateway's host and port as this client knows them: its Host field."""
    scheme: bytes
    """The gateway's public scheme, `http` or `https`."""
    prefix: bytes
    """What stands before the service's own targets in path mode, b"" otherwise."""
    preview_domain: str
    token: str | None = field(repr=False)
    """The preview's token, to keep it from the service; None for `vm_fetch`."""
    preview: bool
    """A preview's answers get CORS headers, a referrer policy and mapped addresses."""
    sandbox: bool
    """The service's pages must not share the gateway's own origin."""

    @property
    def local_origin(self) -> bytes:
        """The service's origin as it knows it."""
        return b"http://localhost:%d" % self.port


def _kept(fields: list[Field], connection: frozenset[bytes], dropped: frozenset[bytes]) -> list[Field]:
    if connection:
        dropped |= connection - _NEVER_NAMED
    return [each for each in fields if each.name not in dropped]


def _framing(head: RequestHead) -> bytes:
    if head.body == CHUNKED:
        return b"Transfer-Encoding: chunked\r\n"
    # A length of 0 is passed on if it was there: a POST without one makes some services wait or answer 411.
    if head.body or any(each.name == b"content-length" for each in head.fields):
        return b"Content-Length: %d\r\n" % head.body
    return b""


def _upgrade(upgrade: bytes | None) -> bytes:
    return b"Connection: upgrade\r\nUpgrade: %s\r\n" % upgrade if upgrade else b""


def request_for_control(head: RequestHead, target: bytes, host: bytes, upgrade: bytes | None) -> bytes:
    """A request head for the control API: as it came, but for what belongs to the connection. Ends with the
    empty line."""
    lines = [head.method, b" ", target, b" HTTP/1.1\r\nHost: ", host, b"\r\n"]
    dropped = _HOP_BY_HOP | {b"host"}
    lines += [each.line for each in _kept(head.fields, head.connection, dropped)]
    return b"".join((*lines, _framing(head), _upgrade(upgrade), b"\r\n"))


def request_for_service(
    head: RequestHead, target: bytes, view: ServiceView, *, upgrade: bytes | None, drop_authorization: bool
) -> bytes:
    """A request head for a service, without the `forwarded_lines` and the empty line that follow it."""
    dropped = _HOP_BY_HOP | _NOT_FOR_SERVICES
    if drop_authorization:
        dropped |= {b"authorization"}
    if head.minor == 0:
        dropped |= {b"expect"}  # RFC 9110 section 10.1.1: HTTP/1.0 has no interim answers
    lines = []
    for each in _kept(head.fields, head.connection, dropped):
        line: bytes = each.line
        if each.name.startswith(b"x-forwarded-"):
            continue
        if each.name == b"origin":
            line = b"Origin: %s\r\n" % _local_origin(each.value, view)
        elif each.name == b"referer":
            referer = _local_referer(each.value, view)
            line = b"Referer: %s\r\n" % referer if referer else b""
        lines.append(line)
    block = b"".join(lines)
    if view.token:
        block = hide_token(block, view.token)
        target = hide_token(target, view.token)
    host = b"Host: localhost:%d\r\n" % view.port
    return b"".join(
        (head.method, b" ", target, b" HTTP/1.1\r\n", host, block, _framing(head), _upgrade(upgrade))
    )


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


def forwarded_lines(peer: str, scheme: str) -> bytes:
    """The fields that tell a service who asked. They replace what the client sent (RFC 7239).

    The public host is left out: in host mode it holds the token.

    Args:
        peer: the client's IP address.
        scheme: the scheme the client used.
    """
    node = f'"[{peer}]"' if ":" in peer else peer
    text = (
        f"X-Forwarded-For: {peer}\r\nX-Forwarded-Proto: {scheme}\r\nForwarded: for={node};proto={scheme}\r\n"
    )
    return text.encode("ascii")


def answer_for_client(
    answer: AnswerHead, view: ServiceView | None, *, body: int, chunked: bool, close: bool
) -> bytes:
    """An answer's head for the client, ending with the empty line.

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
    lines = [b"HTTP/1.1 %d %s\r\n" % (status, answer.reason)]
    dropped = _HOP_BY_HOP
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
    names = set()
    for each in _kept(answer.fields, options, dropped):
        names.add(each.name)
        lines.append(each.line if view is None or not view.preview else _mapped(each, view))
    if chunked:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    if view is not None and not interim:
        lines.append(_additions(names, view))
    if upgrade:
        lines.append(
            b"Connection: upgrade, close\r\n" if close and status != 101 else b"Connection: upgrade\r\n"
        )
    elif close and not interim:
        lines.append(b"Connection: close\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)


def _additions(names: set[bytes], view: ServiceView) -> bytes:
    added = b""
    if view.preview and b"access-control-allow-origin" not in names:
        added += ANSWER_HEADERS
    if view.preview and b"referrer-policy" not in names:
        added += b"Referrer-Policy: same-origin\r\n"
    if view.sandbox:
        # Beside a policy of the service's own: a browser enforces all of them.
        added += b"Content-Security-Policy: %s\r\n" % SANDBOX
    return added


def _mapped(each: Field, view: ServiceView) -> bytes:
    if each.name in (b"location", b"content-location"):
        name = each.line.partition(b":")[0]
        return b"%s: %s\r\n" % (name, public_location(each.value, view))
    if each.name == b"set-cookie":
        return b"Set-Cookie: %s\r\n" % public_cookie(each.value, view)
    return each.line


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


def body_on_the_wire(answer: AnswerHead, *, head_only: bool) -> int:
    """How long the body is that follows this head: 0 for HEAD, 1xx, 204 and 304 whatever the head says (RFC
    9112 section 6.3)."""
    if head_only or answer.status < 200 or answer.status in (204, 304):
        return 0
    return answer.body


def upstream_stays_open(answer: AnswerHead, body: int) -> bool:
    """Whether the upstream keeps its connection after this answer (RFC 9112 section 9.3)."""
    if body == UNTIL_CLOSE or b"close" in answer.connection:
        return False
    return answer.minor == 1 or b"keep-alive" in answer.connection
