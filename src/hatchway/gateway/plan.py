"""What one request head means: everything that follows from its bytes alone, computed once. Pure.

A head is a request line and a block of header fields. Clients repeat both: a browser sends the same block with
every target, and polling repeats the whole head. So what follows from the block is in a `RequestShape`, shared by
all targets, and `plan_book` remembers shapes and plans. Whether a request is *allowed* is never remembered: that
is asked each time.
"""

from __future__ import annotations

import re

from hatchway.errors import InvalidRequest
from hatchway.gateway import own_answers
from hatchway.gateway.destination import Destination, PreviewDestination, find_destination
from hatchway.gateway.framing import FramingError, RequestHead, parse_request_head
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.request_shape import PublicFace, RequestShape
from hatchway.gateway.rewrite_request import hide_token
from hatchway.gateway.seam import Allow
from hatchway.preview.address import AddressMode, host_url
from hatchway.preview.token import is_token

_ABSOLUTE = re.compile(rb"https?://([^/?]*)(.*)", re.IGNORECASE | re.DOTALL)


class RequestPlan:
    """What a request head means: a shape and a target.

    Args:
        shape: of the head.
        target: in origin form, or `*`.

    Raises:
        HatchwayError: `invalid_port`.
    """

    __slots__ = (
        "_redirect",
        "_route",
        "body",
        "destination",
        "detour",
        "facts",
        "own_answer",
        "repeatable",
        "shape",
    )

    def __init__(self, shape: RequestShape, target: bytes) -> None:
        self.shape = shape
        self.destination: Destination = find_destination(shape.label, target, shape.token_header)
        self.body = shape.body
        self.facts = shape.facts
        self.repeatable = shape.repeatable
        self._route: Route | None = None
        self.own_answer = own_answers.OPTIONS_ANSWER if target == b"*" else b""
        """A whole answer that needs neither permission nor upstream; b"" if there is none."""
        self._redirect = self._find_redirect()
        self.detour = bool(self._redirect or self.preflight)
        """It may be answered here although it is allowed: ask `own_answer_to`."""

    def __repr__(self) -> str:
        return f"RequestPlan({self.destination!r})"

    @property
    def is_preview(self) -> bool:
        """It addresses a preview: who asks may be anybody."""
        return isinstance(self.destination, PreviewDestination)

    @property
    def secret(self) -> bytes:
        """The preview's token in lower case: nothing that goes to the service may hold it. b"" if there is none."""
        destination = self.destination
        if not isinstance(destination, PreviewDestination):
            return b""
        return destination.token.lower().encode("latin-1", "ignore")

    @property
    def preflight(self) -> bytes:
        """The gateway's own answer to a preflight, unless the service is to answer it; b"" if it is none."""
        return self.shape.preflight if self.is_preview else b""

    def own_answer_to(self, allow: Allow) -> bytes:
        """A whole answer for a request that is allowed; b"" if it goes to the upstream."""
        return self._redirect or (b"" if allow.app_cors else self.preflight)

    def _find_redirect(self) -> bytes:
        """To the host address, for a browser that opens a path address; to the address without a credential, from one
        with it; and to a path-mode preview's own directory, because without the slash after the token, relative links
        in the page would miss it. Sockets do not follow redirects."""
        destination, shape = self.destination, self.shape
        if (
            not isinstance(destination, PreviewDestination)
            or destination.mode is not AddressMode.PATH
            or shape.upgrade
        ):
            return b""
        face = shape.face
        if face.moves_navigations and shape.navigates and is_token(destination.token):
            origin = host_url(destination.token, face.preview_domain, face.port, scheme=shape.scheme, path="")
            return own_answers.redirect(origin.encode() + destination.target, permanent=False)
        if destination.moved and shape.safe:
            return own_answers.redirect(destination.prefix + destination.target, permanent=False)
        if destination.slash_missing:
            location = destination.prefix + destination.target
            return own_answers.redirect(location, permanent=True)
        return b""

    def route(self, allow: Allow) -> Route:
        """The request as `allow` lets it through; the same object while that does not change."""
        route = self._route
        if route is None or (route.allow is not allow and not route.fits(allow)):
            route = self._route = Route(self, allow)
        return route


class Route:
    """A request on its way to one upstream: the head to send, and how to render the answers that come back."""

    __slots__ = ("allow", "answers", "forwarded", "request")

    def __init__(self, plan: RequestPlan, allow: Allow) -> None:
        way = plan.shape.way(plan.destination, allow)
        line = b"%s %s HTTP/1.1\r\n" % (plan.shape.head.method, plan.destination.target)
        if way.view is not None and way.view.token:
            line = hide_token(line, way.view.token)
        self.allow = allow
        self.answers = way.answers
        self.forwarded = way.view is not None
        """The client's `forwarded_lines` and an empty line are still to be appended to `request`."""
        self.request = line + way.fields

    def fits(self, allow: Allow) -> bool:
        """Whether another permission lets the request through in the same way."""
        own = self.allow
        return (
            own.upstream.port == allow.upstream.port
            and own.drop_authorization == allow.drop_authorization
            and own.forward_host == allow.forward_host
            and own.app_cors == allow.app_cors
        )


def make_plan(raw: bytes, face: PublicFace, limits: GatewayLimits) -> RequestPlan:
    """The plan for a request head, given with its empty line.

    Raises:
        FramingError: it is not HTTP/1.1, or its target or Host make no sense.
        HatchwayError: `invalid_port`, `connect_refused`.
    """
    head = parse_request_head(raw, max_target=limits.target_bytes, max_fields=limits.header_fields)
    target, host = origin_form(head)
    return RequestPlan(RequestShape(head, host, face, limits), target)


def origin_form(head: RequestHead) -> tuple[bytes, bytes | None]:
    """The target in origin form (or `*`), and the host it is for (RFC 9112 sections 3.2 and 3.3).

    Raises:
        FramingError: the target is in none of the forms of RFC 9112.
        InvalidRequest: `connect_refused`.
    """
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
    return target, host
