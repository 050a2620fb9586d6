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
_PATH = re.compile(rb"((?:/gateway/([^/?;]+))?/request)?/fetch/([^/?]*)(.*)", re.DOTALL)
_BEHIND_QUERY = re.compile(rb"/gateway/[^/?;]+\?rvt-[^#]*?/request/fetch/([^/?]*)(.*)", re.DOTALL)
_CREDENTIAL = re.compile(rb"@|%40")
_CREDENTIAL_PARAMETER = b"rvt-token="
_ACTOR_PARAMETER = b"rvt-"


class AddressMode(Enum):
    """How a request names its preview."""

    HOST = "host"
    """`http://{token}.{preview_domain}/…`: its own origin; what people get."""
    PATH = "path"
    """`/fetch/{token}/…`, also `/request/fetch/{token}/…` and `/gateway/{vm}/request/fetch/{token}/…`.

    So do clients of the npm package `rivetkit` put it together, which write more into it: `PathAddress.moved`."""
    HEADER = "header"
    """The header `Hatchway-Preview-Token`; for code."""


@dataclass(frozen=True, slots=True)
class PathAddress:
    """A target of the path form, taken apart."""

    token: str
    prefix: bytes
    """What precedes the service's own target, with the token and without a trailing slash."""
    rest: bytes
    """What follows: empty, or beginning with `/` or `?`. Without the parameters by which a client names a VM."""
    moved: bool = False
    """It came with the credential of the client that made it, or behind the query that names the VM. `prefix` is where
    it belongs; whoever can be sent there should, so that no page finds the credential in its address."""

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
        behind = _BEHIND_QUERY.fullmatch(target)
        return None if behind is None else _moved(behind[1], behind[2])
    actor, token, rest = match[2], match[3], match[4]
    if actor is None:
        return PathAddress(token.decode("latin-1"), target[: len(target) - len(rest)], rest)
    if _CREDENTIAL.search(actor) or _CREDENTIAL_PARAMETER in rest:
        return _moved(token, rest)
    prefix = target[: len(target) - len(rest)]
    return PathAddress(token.decode("latin-1"), prefix, _without_actor(rest))


def _moved(token: bytes, rest: bytes) -> PathAddress:
    return PathAddress(token.decode("latin-1"), b"/request/fetch/" + token, _without_actor(rest), moved=True)


def _without_actor(rest: bytes) -> bytes:
    """What follows a token, without the parameters that name a VM to the control API: they are not for the service."""
    path, mark, query = rest.partition(b"?")
    kept = [pair for pair in query.split(b"&") if not pair.startswith(_ACTOR_PARAMETER)]
    return rest if len(kept) == query.count(b"&") + 1 else path + (mark + b"&".join(kept) if kept else b"")


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
