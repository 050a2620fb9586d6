"""The query of a request, as bytes: file names inside a VM need not be text. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote_to_bytes

from hatchway.errors import InvalidRequest

_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parse_query(
    raw: bytes, names: Collection[str], repeated: Collection[str] = ()
) -> tuple[dict[str, bytes], dict[str, list[bytes]]]:
    """The parameters of a query: those that may be there once, and the lists of the others.

    As in `application/x-www-form-urlencoded`, `+` stands for a space and `%2B` for a plus sign
    (https://url.spec.whatwg.org/#urlencoded-parsing).

    Args:
        raw: what follows the `?`, as received.
        names: the parameters that the operation knows.
        repeated: those of them that may be there more than once.

    Raises:
        InvalidRequest: `invalid_query` for an unknown or repeated parameter or a broken percent-encoding.
    """
    found: dict[str, bytes] = {}
    lists: dict[str, list[bytes]] = {name: [] for name in repeated}
    for pair in raw.split(b"&"):
        if not pair:
            continue
        name_bytes, _, value = pair.partition(b"=")
        name = _decode(name_bytes).decode("latin-1")
        if name not in names:
            known = ", ".join(f"`{known}`" for known in sorted(names)) or "none"
            raise InvalidRequest("invalid_query", f"the query has an unknown parameter; known here: {known}")
        if name in lists:
            lists[name].append(_decode(value))
            continue
        if name in found:
            raise InvalidRequest("invalid_query", f"the query must have `{name}` once only")
        found[name] = _decode(value)
    return found, lists


def read_flag(query: Mapping[str, bytes], name: str, *, default: bool = False) -> bool:
    """A parameter that is `true` or `false`; or `InvalidRequest` `invalid_query`."""
    value = query.get(name)
    if value is None:
        return default
    if value not in {b"true", b"false"}:
        raise InvalidRequest("invalid_query", f"`{name}` must be true or false")
    return value == b"true"


def _decode(value: bytes) -> bytes:
    if _BROKEN_PERCENT.search(value):
        raise InvalidRequest(
            "invalid_query", "the query has a % without two hexadecimal digits", "write a percent sign as %25"
        )
    return unquote_to_bytes(value.replace(b"+", b" "))
