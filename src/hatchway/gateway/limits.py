"""How much a client or a service may send, and how long it may take. Bodies are streamed without limit."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from hatchway.errors import InvalidRequest
from hatchway.printable import shown

MAY_BE_ZERO = frozenset({"wait_seconds"})
"""The limits for which 0 has a meaning of its own."""


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """The limits of one gateway: sizes in bytes, times in seconds.

    Raises:
        InvalidRequest: `invalid_setting` for a value that is not a positive number, or a size or count that is not a
            whole one.
    """

    head_bytes: int = 64 * 1024
    """A request's line and header fields together (431); an answer's (502); trailers."""
    target_bytes: int = 16 * 1024
    """The request target (414)."""
    header_fields: int = 256
    """Header fields in one head (431, or 502 for an answer)."""
    head_seconds: float = 30.0
    """From a connection's opening, or from the first byte of a later request, to the end of its head."""
    idle_seconds: float = 75.0
    """How long a client's connection is kept between requests."""
    connect_seconds: float = 5.0
    """How long a service may take to accept a connection (504)."""
    wait_seconds: float = 10.0
    """How long a request is held when nothing listens yet in a VM that has just started something; 0: not at all."""
    answer_seconds: float = 300.0
    """From the end of the request to the head of the answer (504). Streams are not limited."""
    stream_idle_seconds: float = 86400.0
    """How long an answer, an upload or a tunnel under way may go without a byte in either direction. As long as the
    longest preview lives by default: a quiet stream is no broken one."""
    linger_seconds: float = 2.0
    """How long a refused client may go on sending, so that it gets to read why (RFC 9112 section 9.6)."""
    pool_idle_seconds: float = 4.0
    """How long a connection to a service is kept unused. Node closes its own after 5 seconds."""
    pool_connections: int = 4096
    """Connections to each port of each VM at one time, those in use too (503)."""
    pool_idle_connections: int = 64
    """Unused connections kept for each port of each VM."""
    timer_seconds: float = 1.0
    """The period of the one timer that all of these times are checked by; they are late by up to that."""

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            value: Any = getattr(self, each.name)
            whole = isinstance(each.default, int)
            number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
            zero = each.name in MAY_BE_ZERO
            if not number or not _is_finite(value) or value < 0 or (value == 0 and not zero):
                raise InvalidRequest(
                    "invalid_setting",
                    f"the limit {each.name} must be a {'whole ' if whole else ''}number "
                    f"{'of at least' if zero else 'greater than'} 0, not {shown(value)}",
                )


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False
