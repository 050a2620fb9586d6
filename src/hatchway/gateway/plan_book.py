"""The plans of the heads that came last, and the shapes they share. No I/O."""

from __future__ import annotations

from hatchway.gateway.framing import check_unfinished_head, parse_request_fields, parse_request_line
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.plan import RequestPlan, make_plan
from hatchway.gateway.recent import Recent
from hatchway.gateway.request_shape import PublicFace, RequestShape

_PLANS = 256
_SHAPES = 256
REMEMBERED_BYTES = 4096
"""Longer heads are not worth their memory."""


class PlanBook(Recent[bytes, RequestPlan]):
    """Plans by the bytes of their heads.

    `get` is the fast path: nothing is parsed for a head that came before.

    Args:
        face: how the gateway is known to those whose heads these are.
        limits: for heads.
    """

    def __init__(self, face: PublicFace, limits: GatewayLimits) -> None:
        super().__init__(_PLANS)
        self.face = face
        self._limits = limits
        self._remembered_bytes = min(REMEMBERED_BYTES, limits.head_bytes)
        self._shapes: Recent[tuple[bytes, int, bytes], RequestShape] = Recent(_SHAPES)

    def make(self, raw: bytes) -> RequestPlan:
        """The plan for a head that is not in the book. Raises what `make_plan` raises."""
        if len(raw) > self._remembered_bytes:
            # Too long to be worth its memory, and maybe too long for anything.
            limits = self._limits
            check_unfinished_head(raw, 0, max_head=limits.head_bytes, max_target=limits.target_bytes)
            return make_plan(raw, self.face, limits)
        line_end = raw.find(b"\r\n")
        method, target, minor = parse_request_line(raw[:line_end], max_target=self._limits.target_bytes)
        if target.startswith(b"/") and method != b"CONNECT":
            block = raw[line_end + 2 : -2]
            shape = self._shapes.get((method, minor, block))
            if shape is None:
                head = parse_request_fields(
                    method, target, minor, block, max_fields=self._limits.header_fields
                )
                shape = RequestShape(head, head.host, self.face, self._limits)
                self._shapes.remember((method, minor, block), shape)
            plan = RequestPlan(shape, target)
        else:
            plan = make_plan(raw, self.face, self._limits)
        self.remember(raw, plan)
        return plan

    def clear(self) -> None:
        """Forgets everything."""
        super().clear()
        self._shapes.clear()
