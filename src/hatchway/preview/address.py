"""The three addresses of one grant: host, path and header. Pure; each form round-trips through parse and
print.

Parsing only finds the place where a token belongs. What stands there need not be one: an address that has the
form of a preview's but no valid token is still a preview's (and will be refused as such), never the control
API's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

HEADER = "Hatchway-Preview-Token"
"""The header of `AddressMode.HEADER`."""

# No `;`: a prefix becomes part of a cookie's Path, where it would begin another attribute (RFC 6265 section 4.1.1).
_PATH = re.compile(rb"((?:/gateway/[^/?;]+)?/request)?/fetch/([^/?]*)(.*)", re.DOTALL)


class AddressMode(Enum):
    """How a request names its preview."""

    HOST = "host"
    """`http://{token}.{preview_domain}/…`: its own origin; what people get."""
    PATH = "path"
    """`/fetch/{token}/…`, also `/request/fetch/{token}/…` and `/gateway/{vm}/request/fetch/{token}/…`."""
    HEADER = "header"
    """The header `Hatchway-Preview-Token`; for code."""


@dataclass(frozen=True, slots=True)
class PathAddress:
    """A target of the path form, taken apart."""

    token: str
    prefix: bytes
    """What precedes the service's own target, with the token and without a trailing slash."""
    rest: bytes
    """What follows: empty, or beginning with `/` or `?`."""

    def __repr__(self) -> str:
        return "PathAddress()"


def parse_host(host: bytes, preview_domain: str) -> str | None:
    """What stands before `preview_domain` in a Host field, in lower case; None if the host is not below that
    domain.

    The port is ignored, and so is the dot that may end a fully qualified name. Host names have no case (RFC
    9110 section 4.2.3).
    """
    name = host.decode("latin-1").lower()
    if not name.endswith("]"):
        head, colon, port = name.rpartition(":")
        if colon and (port.isdigit() or not port):
            name = head
    name = name.removesuffix(".")
    suffix = "." + preview_domain.lower()
    return name[: -len(suffix)] if name.endswith(suffix) else None


def parse_path(target: bytes) -> PathAddress | None:
    """The parts of an origin-form target in path form; None if it is not in that form."""
    match = _PATH.fullmatch(target)
    if match is None:
        return None
    rest = match[3]
    prefix = target[: len(target) - len(rest)]
    return PathAddress(match[2].decode("latin-1"), prefix, rest)


def host_name(token: str, preview_domain: str) -> str:
    """The host name of a preview: `{token}.{preview_domain}`."""
    return f"{token}.{preview_domain}"


def host_url(token: str, preview_domain: str, port: int, *, scheme: str = "http", path: str = "/") -> str:
    """The address to give to people: an origin of its own. The port is left out where the scheme implies
    it."""
    implied = {"http": 80, "https": 443}.get(scheme)
    authority = host_name(token, preview_domain) + ("" if port == implied else f":{port}")
    return f"{scheme}://{authority}{path}"


def fetch_path(token: str) -> str:
    """The path form without a trailing slash, relative to the gateway: `/request/fetch/{token}`."""
    return f"/request/fetch/{token}"
