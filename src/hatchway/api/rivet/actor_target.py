"""Which VM a URL below /gateway names, and the credential in it. Pure.

A URL has the form `/gateway/{id}[@{token}]/…`, or `/gateway/{kind}/…?rvt-method=…&rvt-key=…[&rvt-token=…]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from hatchway.api.rivet.actor_key import parse_joined_key
from hatchway.errors import InvalidRequest
from hatchway.vm.key import Key

_METHODS = frozenset({"get", "getOrCreate"})
_TOKEN_IN_PATH = re.compile(rb"/gateway/[^/?]*?(?:@|%40)([^/?]+)")
_TOKEN_IN_QUERY = re.compile(rb"[?&]rvt-token=([^&#/]*)")
_ROOT = b"/gateway/"


@dataclass(frozen=True, slots=True)
class ById:
    """The VM with an id."""

    id: str


@dataclass(frozen=True, slots=True)
class ByKey:
    """The VM of a kind and key."""

    kind: str
    key: Key
    may_create: bool


def parse_actor(segment: str, query: bytes) -> ById | ByKey:
    """The VM that a URL names.

    Args:
        segment: of its path, behind /gateway; percent-decoded.
        query: what follows the `?`, as received.

    Raises:
        InvalidRequest: `invalid_actor_query`, `invalid_key`.
    """
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    method = given.get("rvt-method")
    if method is None:
        return ById(segment.partition("@")[0])
    if method not in _METHODS:
        raise InvalidRequest("invalid_actor_query", "rvt-method must be get or getOrCreate")
    return ByKey(segment, parse_joined_key(given.get("rvt-key", "")), method == "getOrCreate")


def credential(target: bytes) -> bytes | None:
    """The API token that a client has put into a request's target; None if there is none."""
    if not target.startswith(_ROOT):
        return None
    found = _TOKEN_IN_PATH.match(target) or _TOKEN_IN_QUERY.search(target)
    return None if found is None else unquote(found[1].decode("latin-1")).encode(errors="replace")
