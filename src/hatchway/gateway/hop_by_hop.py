"""Fields that belong to one connection and are not passed on (RFC 9110 section 7.6.1). Pure."""

from __future__ import annotations

from hatchway.gateway.framing import Field

# Content-Length and Transfer-Encoding are always written anew from the framing that was parsed.
HOP_BY_HOP = frozenset(
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
# Connection may name any field, but never take away what says where a message ends or goes.
_NEVER_NAMED = frozenset({b"content-length", b"host", b"transfer-encoding"})


def passed_on(fields: list[Field], connection: frozenset[bytes], dropped: frozenset[bytes]) -> list[Field]:
    """The fields that are in neither `dropped` nor named by `connection`, the options of the Connection fields."""
    if connection:
        dropped |= connection - _NEVER_NAMED
    return [each for each in fields if each.name not in dropped]
