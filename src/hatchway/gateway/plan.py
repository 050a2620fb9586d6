"""What one request head means: everything that follows from its bytes alone, computed once. Pure.

Clients repeat their heads byte for byte (polling, reloading, load tests), so a gateway remembers the plans of
the heads it saw last, and a plan the answers it rendered last. Whether a request is *allowed* is never
remembered: that is asked each time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from hatchway.errors import InvalidRequest
from hatchway.gateway import cors
from hatchway.gateway.destination import (
    ControlDestination,
    PortDestination,
    PreviewDestination,
    find_destination,
)
from hatchway.gateway.framing import (
    UNTIL_CLOSE,
    FramingError,
    RequestHead,
    parse_answer_head,
    parse_request_head,
)
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.problem_pages import prefers_html
from hatchway.gateway.rewrite import (
    ServiceView,
    answer_for_client,
    body_on_the_wire,
    request_for_control,
    request_for_service,
    upstream_stays_open,
)
from hatchway.gateway.seam import Allow, RequestFacts

_ABSOLUTE = re.compile(rb"https?://([^/?]*)(.*)", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
_REMEMBERED_HEAD_BYTES = 4096
_REMEMBERED_ANSWERS = 4

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(dict[Key, Value], Generic[Key, Value]):
    """A dictionary of the last `size` things put in with `remember`."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def remember(self, key: Key, value: Value) -> None:
        """Puts `value` in, and the oldest out."""
        if len(self) >= self._size:
            del self[next(iter(self))]
        self[key] = value


@dataclass(frozen=True, slots=True)
class PublicFace:
    """How the gateway is known outside."""

    preview_domain: str
    scheme: str


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


class RequestPlan:
    """What a request head means.

    Args:
        head: the parsed head.
        face: how the gateway is known outside.
        limits: for the heads of answers.

    Raises:
        FramingError: the target or the Host makes no sense.
        HatchwayError: `invalid_port`.
    """

    __slots__ = (
        "_face",
        "_head",
        "_host",
        "_limits",
        "_route",
        "as_html",
        "body",
        "destination",
        "facts",
        "head_only",
        "keep_alive",
        "minor",
        "own_answer",
        "preview",
        "redirect",
        "repeatable",
        "secret",
        "upgrade",
    )

    def __init__(self, head: RequestHead, face: PublicFace, limits: GatewayLimits) -> None:
        self._head = head
        self._face = face
        self._limits = limits
        self._route: Route | None = None
        target, self._host = _origin_form(head)
        values = {each.name: each.value for each in head.fields}
        tokens = [each.value for each in head.fields if each.name == b"hatchway-preview-token"]
        self.destination = find_destination(
            self._host, target, b",".join(tokens) if tokens else None, face.preview_domain
        )
        self.preview = isinstance(self.destination, PreviewDestination)
        token = self.destination.token if isinstance(self.destination, PreviewDestination) else ""
        self.secret = token.lower().encode("latin-1", "ignore")
        """The preview's token: nothing that goes to the service may hold it."""
        self.facts = RequestFacts(
            head.method,
            self._host,
            values.get(b"origin"),
            values.get(b"sec-fetch-site"),
            values.get(b"authorization"),
            values.get(b"hatchway-token"),
        )
        self.minor = head.minor
        self.head_only = head.method == b"HEAD"
        self.body = head.body
        self.keep_alive = head.minor == 1 and b"close" not in head.connection
        self.as_html = prefers_html(values.get(b"accept"))
        self.upgrade = _upgrade(head)
        self.repeatable = head.body == 0 and head.method in _IDEMPOTENT
        self.own_answer = self._own_answer(target, values)
        """A whole answer that needs neither permission nor upstream; b"" if there is none."""
        self.redirect = self._redirect()
        """A whole answer for a request that is allowed; b"" if it goes to the upstream."""

    def __repr__(self) -> str:
        return f"RequestPlan({self.destination!r})"

    def _own_answer(self, target: bytes, values: dict[bytes, bytes]) -> bytes:
        method = self._head.method
        close = b"" if self.keep_alive else b"Connection: close\r\n"
        if self.preview and method == b"OPTIONS" and b"origin" in values:
            wanted = values.get(b"access-control-request-method")
            if wanted is not None:
                answer = cors.preflight_answer(wanted, values.get(b"access-control-request-headers"))
                return answer[:-2] + close + b"\r\n"
        if target == b"*":
            return b"HTTP/1.1 204 No Content\r\n" + close + b"\r\n"
        return b""

    def _redirect(self) -> bytes:
        """The 308 to a path-mode preview's own directory, if the request needs it; b"" otherwise.

        Without the slash after the token, relative links in the page would miss it. Sockets do not follow
        redirects.
        """
        destination = self.destination
        if not isinstance(destination, PreviewDestination) or not destination.slash_missing or self.upgrade:
            return b""
        location = destination.prefix + destination.target
        close = b"" if self.keep_alive else b"Connection: close\r\n"
        return (
            b"HTTP/1.1 308 Permanent Redirect\r\nLocation: " + location + b"\r\n"
            b"Content-Length: 0\r\nCache-Control: no-store\r\nReferrer-Policy: same-origin\r\n"
            + cors.ANSWER_HEADERS
            + close
            + b"\r\n"
        )

    def route(self, allow: Allow) -> Route:
        """The request as `allow` lets it through; the same object while that does not change."""
        route = self._route
        if (
            route is not None
            and route.port == allow.upstream.port
            and route.drops == allow.drop_authorization
        ):
            return route
        self._route = Route(
            self, self._head, self._view(allow.upstream.port), allow.drop_authorization, self._limits
        )
        return self._route

    def _view(self, port: int) -> ServiceView | None:
        destination = self.destination
        if isinstance(destination, ControlDestination):
            return None
        shared = destination.prefix != b""
        preview = isinstance(destination, PreviewDestination)
        if isinstance(destination, PortDestination):
            # Programs get the answer as it is. A browser that was led here must not take it for the control
            # API's page.
            shared = any(each.name == b"sec-fetch-dest" for each in self._head.fields)
        token = destination.token if isinstance(destination, PreviewDestination) else None
        return ServiceView(
            port=port,
            authority=self._host,
            scheme=self._face.scheme.encode(),
            prefix=destination.prefix,
            preview_domain=self._face.preview_domain,
            token=token,
            preview=preview,
            sandbox=shared,
        )

    @property
    def host(self) -> bytes:
        """The Host to give to the control API."""
        return self._host if self._host is not None else b"localhost"


class Route:
    """A request on its way to one upstream: the head to send, and how to render the answers that come
    back."""

    __slots__ = ("_limits", "_plan", "_view", "answers", "drops", "forwarded", "port", "request")

    def __init__(
        self,
        plan: RequestPlan,
        head: RequestHead,
        view: ServiceView | None,
        drops: bool,
        limits: GatewayLimits,
    ) -> None:
        self._plan = plan
        self._view = view
        self._limits = limits
        self.answers: Recent[bytes, Answer] = Recent(_REMEMBERED_ANSWERS)
        """The answers rendered last, by the heads that the upstream sent."""
        self.port = view.port if view is not None else 0
        self.drops = drops
        self.forwarded = view is not None
        """The client's `forwarded_lines` and an empty line are still to be appended to `request`."""
        target = plan.destination.target
        if view is None:
            self.request = request_for_control(head, target, plan.host, plan.upgrade)
        else:
            self.request = request_for_service(
                head, target, view, upgrade=plan.upgrade, drop_authorization=drops
            )

    def answer(self, raw: bytes, *, close: bool) -> Answer:
        """The answer for the client, for a head that is not among `answers`.

        Args:
            raw: the head that the upstream sent, with its empty line.
            close: the client's connection has to end after it, whatever the request said.

        Raises:
            FramingError: the head is not HTTP/1.x.
        """
        answer = self._render(raw, close=close)
        if not close and len(raw) <= _REMEMBERED_HEAD_BYTES:
            self.answers.remember(raw, answer)
        return answer

    def _render(self, raw: bytes, *, close: bool) -> Answer:
        plan = self._plan
        head = parse_answer_head(raw, max_fields=self._limits.header_fields)
        if head.status == 101 and (not plan.upgrade or b"upgrade" not in head.connection):
            raise FramingError("the service switched protocols without being asked")
        body = body_on_the_wire(head, head_only=plan.head_only)
        chunked = body < 0 and plan.minor == 1
        close = close or not plan.keep_alive
        rendered = answer_for_client(head, self._view, body=body, chunked=chunked, close=close)
        reusable = upstream_stays_open(head, body)
        return Answer(head.status, rendered, body, chunked=chunked, reusable=reusable, close=close)


def make_plan(raw: bytes, face: PublicFace, limits: GatewayLimits) -> RequestPlan:
    """The plan for a request head, given with its empty line. Raises what parsing and `RequestPlan` raise."""
    head = parse_request_head(raw, max_target=limits.target_bytes, max_fields=limits.header_fields)
    return RequestPlan(head, face, limits)


def may_remember(raw: bytes) -> bool:
    """Whether a head is short enough to be worth its memory."""
    return len(raw) <= _REMEMBERED_HEAD_BYTES


def _origin_form(head: RequestHead) -> tuple[bytes, bytes | None]:
    """The target in origin form (or `*`), and the host it is for (RFC 9112 sections 3.2 and 3.3)."""
    target, host = head.target, head.host
    if head.method == b"CONNECT":
        raise InvalidRequest("connect_refused", "CONNECT is not served: this is a reverse proxy", status=405)
    if not target.startswith(b"/"):
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is not None:
            # Section 3.2.2: a server ignores the Host field and takes the target's authority.
            host, target = absolute.groups()
            if not target.startswith(b"/"):
                target = b"*" if head.method == b"OPTIONS" and not target else b"/" + target
        elif target != b"*" or head.method != b"OPTIONS":
            raise FramingError("the request target is malformed")
    if host is not None and _HOST.fullmatch(host) is None:
        raise FramingError("the Host is malformed")
    return target, host


def _upgrade(head: RequestHead) -> bytes | None:
    """The protocols that the client asks to change to, if it does.

    HTTP/2 is not among them: a tunnel that speaks HTTP would carry requests past everything that is checked
    here.
    """
    if head.minor == 0 or b"upgrade" not in head.connection:
        return None
    protocols = [each.value for each in head.fields if each.name == b"upgrade"]
    named = [name.strip(b" \t") for value in protocols for name in value.split(b",")]
    named = [name for name in named if name and name.lower() not in (b"h2c", b"h2")]
    if not named:
        return None
    if head.body:
        raise FramingError("a request that asks for an upgrade has no body here")
    return b", ".join(named)


__all__ = [
    "UNTIL_CLOSE",
    "Answer",
    "PublicFace",
    "Recent",
    "RequestPlan",
    "Route",
    "make_plan",
    "may_remember",
]
