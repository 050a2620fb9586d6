"""The query of a request, as bytes: file names inside a VM need not be text. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import unquote_to_bytes

from hatchway.errors import InvalidRequest

_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parse_query(raw: bytes, names: Collection[str]) -> dict[str, bytes]:
    """The parameters of a query.

    As in `application/x-www-form-urlencoded`, `+` stands for a space and `%2B` for a plus sign
    (https://url.spec.whatwg.org/#urlencoded-parsing).

    Args:
        raw: what follows the `?`, as received.
        names: the parameters that the operation knows.

    Raises:
        InvalidRequest: `invalid_query` for an unknown or repeated parameter or a broken percent-encoding.
    """
    found: dict[str, bytes] = {}
    for pair in raw.split(b"&"):
        if not pair:
            continue
        name_bytes, _, value = pair.partition(b"=")
        name = _decode(name_bytes).decode("latin-1")
        if name not in names:
            known = ", ".join(f"`{known}`" for known in sorted(names)) or "none"
            raise InvalidRequest("invalid_query", f"the query has an unknown parameter; known here: {known}")
        if name in found:
            raise InvalidRequest("invalid_query", f"the query must have `{name}` once only")
        found[name] = _decode(value)
    return found


def _decode(value: bytes) -> bytes:
    if _BROKEN_PERCENT.search(value):
        raise InvalidRequest(
            "invalid_query", "the query has a % without two hexadecimal digits", "write a percent sign as %25"
        )
    return unquote_to_bytes(value.replace(b"+", b" "))
