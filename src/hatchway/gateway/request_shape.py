"""What a request's header fields mean, whatever its target. Pure.

A browser sends the same fields with every target, so what follows from them is worked out once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hatchway.gateway import own_answers
from hatchway.gateway.answers import Answers
from hatchway.gateway.destination import ControlDestination, Destination, PreviewDestination, preview_label
from hatchway.gateway.forwarded import Claims, read_claims
from hatchway.gateway.framing import FramingError, RequestHead
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.link_unfurlers import is_unfurler
from hatchway.gateway.problem_pages import prefers_html
from hatchway.gateway.recent import Recent
from hatchway.gateway.rewrite_request import fields_for_control, fields_for_service
from hatchway.gateway.seam import Allow, RequestFacts
from hatchway.gateway.service_view import ServiceView
from hatchway.gateway.websocket import accept_key

_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
_REMEMBERED_WAYS = 4


@dataclass(frozen=True, slots=True)
class PublicFace:
    """How the gateway is known outside."""

    preview_domain: str
    scheme: str
    port: int
    """The port that visitors use."""
    moves_navigations: bool = False
    """Browsers that open a path address are sent to the host address, which visitors can resolve."""
    behind_proxy: bool = False
    """Who connects is a trusted proxy, which speaks for the client behind it."""


class RequestShape:
    """What a method, an HTTP version and a block of header fields mean, whatever the target.

    Args:
        head: parsed; its target does not matter.
        host: the Host that counts: the field's, or the authority of a target in absolute form.
        face: how the gateway is known outside.
        limits: for the heads of answers.

    Raises:
        FramingError: the Host makes no sense, or a request for an upgrade has a body.
    """

    __slots__ = (
        "_ways",
        "as_html",
        "body",
        "claims",
        "face",
        "facts",
        "head",
        "head_only",
        "host",
        "keep_alive",
        "label",
        "limits",
        "navigates",
        "preflight",
        "repeatable",
        "safe",
        "token_header",
        "upgrade",
        "websocket_accept",
    )

    def __init__(
        self, head: RequestHead, host: bytes | None, face: PublicFace, limits: GatewayLimits
    ) -> None:
        if host is not None and _HOST.fullmatch(host) is None:
            raise FramingError("the Host is malformed")
        values = {each.name: each.value for each in head.fields}
        tokens = [each.value for each in head.fields if each.name == b"hatchway-preview-token"]
        self.head = head
        self.host = host
        self.face = face
        self.limits = limits
        self.label = preview_label(host, face.preview_domain)
        """What stands before the preview domain in the Host; None if it is not below it."""
        self.token_header = b",".join(tokens) if tokens else None
        """The `Hatchway-Preview-Token` field."""
        self._ways: Recent[tuple[object, ...], Way] = Recent(_REMEMBERED_WAYS)
        self.facts = RequestFacts(
            head.method,
            host,
            values.get(b"origin"),
            values.get(b"sec-fetch-site"),
            values.get(b"authorization"),
            values.get(b"hatchway-token", values.get(b"x-rivet-token")),
            is_unfurler(values.get(b"user-agent")),
        )
        self.body = head.body
        self.head_only = head.method == b"HEAD"
        self.safe = head.method in (b"GET", b"HEAD")
        self.keep_alive = head.minor == 1 and b"close" not in head.connection
        self.as_html = prefers_html(values.get(b"accept"))
        self.upgrade = _upgrade(head)
        self.repeatable = head.body == 0 and head.method in _IDEMPOTENT
        self.preflight = own_answers.preflight_answer(values) if head.method == b"OPTIONS" else b""
        self.navigates = self.safe and values.get(b"sec-fetch-mode") == b"navigate"
        self.websocket_accept = accept_key(self.upgrade, values)
        """The `Sec-WebSocket-Accept` of a browser's handshake; b"" for any other request."""
        self.claims: Claims | None = read_claims(head.fields) if face.behind_proxy else None

    @property
    def scheme(self) -> str:
        """The scheme that this client's own address has."""
        return self.claims.scheme if self.claims is not None and self.claims.scheme else self.face.scheme

    def way(self, destination: Destination, allow: Allow) -> Way:
        """How requests of this shape go to where `destination` and `allow` say; the same object for all targets."""
        address = destination.address
        port, drops = allow.upstream.port, allow.drop_authorization
        key = (address, port, drops, allow.forward_host, allow.app_cors)
        way = self._ways.get(key)
        if way is None:
            way = Way(self, self._view(destination, allow), drops)
            self._ways.remember(key, way)
        return way

    def _view(self, destination: Destination, allow: Allow) -> ServiceView | None:
        if isinstance(destination, ControlDestination):
            return None
        shared = destination.prefix != b""
        preview = isinstance(destination, PreviewDestination)
        if not preview:
            # Programs get the answer as it is. A browser that was led here must not take it for the control
            # API's page.
            shared = any(each.name == b"sec-fetch-dest" for each in self.head.fields)
        return ServiceView(
            port=allow.upstream.port,
            authority=self.host,
            scheme=self.scheme.encode(),
            prefix=destination.prefix,
            preview_domain=self.face.preview_domain,
            token=destination.token if isinstance(destination, PreviewDestination) else None,
            preview=preview,
            sandbox=shared,
            forward_host=allow.forward_host,
            cors=preview and not allow.app_cors,
        )


class Way:
    """How all requests of one shape go to one service: their fields, and how the answers are rendered."""

    __slots__ = ("answers", "fields", "view")

    def __init__(self, shape: RequestShape, view: ServiceView | None, drops: bool) -> None:
        self.view = view
        if view is None:
            host = shape.host if shape.host is not None else b"localhost"
            self.fields = fields_for_control(shape.head, host, shape.upgrade)
        else:
            self.fields = fields_for_service(
                shape.head, view, upgrade=shape.upgrade, drop_authorization=drops
            )
        self.answers = Answers(
            view,
            shape.limits,
            head_only=shape.head_only,
            minor=shape.head.minor,
            keep_alive=shape.keep_alive,
            upgrade=bool(shape.upgrade),
        )


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
