"""A `vm_fetch` call as an HTTP request head. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import httpx

from hatchway.errors import InvalidRequest

HeadersLike = Mapping[str, str] | Iterable[tuple[str, str]] | httpx.Headers
"""Header fields, by name or as pairs; in pairs a name may be repeated."""

_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://[^/?#]*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_USUAL_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_DIGITS = re.compile(r"[0-9]{1,18}")
_FIELD_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")

_SAFE = "!$&'()*+,-./:;=?@_~%[]|^`{}\"<>\\"
"""What `quote` leaves alone: a percent sign too, since the caller has encoded what is to be encoded."""
_UNSAFE_IN_TARGET = '"<>\\^`{|}'
"""Of these, what RFC 3986 does not allow in a path or query; browsers send it encoded, and so do we."""

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_OURS = frozenset(
    {
        "connection",
        "hatchway-token",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers of the connection, or of Hatchway, and not for the service: dropped, as a browser's fetch does."""


def fetch_method(method: str) -> str:
    """The method as it goes on the wire: any token of RFC 9110 section 5.6.2; the usual ones in upper case.

    Raises:
        InvalidRequest: `invalid_method`.
    """
    name: object = method
    if not isinstance(name, str) or _TOKEN.fullmatch(name) is None:
        raise InvalidRequest("invalid_method", "method must be an HTTP method such as GET or POST")
    upper = method.upper()
    return upper if upper in _USUAL_METHODS else method


def fetch_target(url: str) -> str:
    """The origin-form target of a `vm_fetch` URL: path and query, visible ASCII, beginning with `/`.

    - Of `http://` and `https://` URLs, scheme, host and port are ignored: only the VM's port can be reached.
    - Anything else is a path; it gets a `/` in front if it has none.
    - The fragment is dropped, since it is never sent (RFC 9110 section 7.1).
    - `.` and `..` segments are resolved (RFC 3986 section 5.2.4), also when written as `%2e`, so that no path
      can climb out of the VM's port; `..` at the root stays there.
    - Characters outside ASCII are sent as percent-encoded UTF-8.

    Raises:
        InvalidRequest: `invalid_url`.
    """
    given: object = url
    if not isinstance(given, str):
        raise InvalidRequest("invalid_url", f"url must be text, not {type(given).__name__}")
    absolute = _ABSOLUTE.match(url)
    if absolute is not None:
        if absolute[1].lower() not in ("http", "https"):
            raise InvalidRequest(
                "invalid_url", f"vm_fetch speaks HTTP, not {absolute[1]!r}", 'vm_fetch(3000, "/")'
            )
        url = url[absolute.end() :]
    url = url.partition("#")[0]
    path, mark, query = url.partition("?")
    try:
        return _encode(_resolve_dots(path)) + mark + _encode(query)
    except UnicodeEncodeError:
        raise InvalidRequest("invalid_url", "url must be valid Unicode text") from None


def _encode(text: str) -> str:
    encoded = quote(text, safe=_SAFE)
    for character in _UNSAFE_IN_TARGET:
        encoded = encoded.replace(character, f"%{ord(character):02X}")
    return encoded


def _resolve_dots(path: str) -> str:
    segments: list[str] = []
    given = path.removeprefix("/").split("/")
    for position, segment in enumerate(given):
        last = position == len(given) - 1
        plain = segment.replace("%2e", ".").replace("%2E", ".")
        if plain == "..":
            if segments:
                segments.pop()
        elif plain != ".":
            segments.append(segment)
            continue
        if last:
            segments.append("")
    return "/" + "/".join(segments)


def check_port(port: object) -> int:
    """A port to call, or `InvalidRequest` `invalid_port`. Its range is the server's to check."""
    if isinstance(port, bool) or not isinstance(port, int):
        raise InvalidRequest("invalid_port", "port must be a whole number between 1 and 65535")
    return port


def vm_port(url: httpx.URL) -> int:
    """The port in the VM that a URL names, as the VM itself would: `http://localhost:{port}/…`.

    Raises:
        InvalidRequest: `not_in_vm`. The VM has no way to other hosts, and the caller's own must not stand in for it.
    """
    if url.scheme not in ("http", "https") or url.host not in _LOCAL_NAMES:
        raise InvalidRequest(
            "not_in_vm",
            f"{url.host!r} is not in the VM",
            "services in the VM are at localhost: give a path, or http://localhost:{port}/…",
        )
    return url.port or 80


def fetch_headers(headers: HeadersLike | None, *, has_length: bool) -> list[tuple[str, str]]:
    """The caller's headers as they go to the gateway: in order, repeated ones kept.

    Those of the connection are dropped, as are `Host` (the service sees `localhost:{port}`) and
    `Hatchway-Token` (the client's own). `Authorization` and `Cookie` are the service's and pass through.

    Args:
        headers: a mapping, pairs, or None.
        has_length: whether the body's length is known, so that a `Content-Length` of the caller's is dropped.

    Raises:
        InvalidRequest: `invalid_header`; the value, which may be a secret, is not in the message.
    """
    kept: list[tuple[str, str]] = []
    lengths = 0
    for name, value in _pairs(headers):
        if not isinstance(name, str) or _TOKEN.fullmatch(name) is None:
            raise InvalidRequest("invalid_header", f"{name!r} is not a header name")
        if not isinstance(value, str) or _FIELD_VALUE.fullmatch(value) is None:
            raise InvalidRequest(
                "invalid_header", f"the value of the header {name} must be text without control characters"
            )
        lower = name.lower()
        if lower == "content-length" and not has_length and (lengths or not _DIGITS.fullmatch(value)):
            raise InvalidRequest("invalid_header", "Content-Length must be given once, as a whole number")
        if lower == "content-length":
            lengths += 1
        if lower not in _OURS and not (lower == "content-length" and has_length):
            kept.append((name, value.strip(" \t")))
    return kept


def _pairs(headers: HeadersLike | None) -> list[tuple[object, object]]:
    if headers is None:
        return []
    if isinstance(headers, httpx.Headers):
        return list(headers.multi_items())  # items() would join repeated ones
    if isinstance(headers, Mapping):
        return list(headers.items())
    return list(headers)
