"""Where visitors reach a server that something stands in front of: the origin in their address bar. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from hatchway.errors import InvalidRequest

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# RFC 3986 section 3.2, without user information; a path of / alone means the same as none.
_URL = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::([0-9]{1,5}))?/?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_domain(name: str) -> bool:
    """Whether a lower-case name is made of labels as host names have them (RFC 1123 section 2.1)."""
    return len(name) <= 253 and _DOMAIN.fullmatch(name) is not None


def is_local_name(name: str) -> bool:
    """Whether browsers take a domain for the machine they run on: `localhost`, or one below it (RFC 6761 section
    6.3)."""
    return name == "localhost" or name.endswith(".localhost")


def is_loopback(host: str) -> bool:
    """Whether a bind address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class PublicUrl:
    """A scheme, a host and a port. `str()` leaves the port out where the scheme implies it."""

    scheme: str
    """`http` or `https`."""
    host: str
    """A domain in lower case, or an address, IPv6 in brackets."""
    port: int

    def __str__(self) -> str:
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def is_local(self) -> bool:
        """Whether it leads to the machine of whoever follows it."""
        return is_local_name(self.host) or is_loopback(self.host.strip("[]"))


def parse_public_url(text: str) -> PublicUrl:
    """The parts of `http(s)://host[:port]`.

    Raises:
        InvalidRequest: `invalid_setting`, for anything else: a path, a query and user information too.
    """
    match = _URL.fullmatch(text.lower())
    if match is not None:
        scheme, host = match[1], _parse_host(match[2])
        port = int(match[3]) if match[3] else _DEFAULT_PORTS[scheme]
        if host is not None and 1 <= port <= 65535:
            return PublicUrl(scheme, host, port)
    # It is not shown: who writes more into a URL may have written a password.
    raise InvalidRequest(
        "invalid_setting",
        "public_url must be of the form http(s)://host[:port], without a path",
        "give the origin alone, such as https://preview.example.org",
    )


def _parse_host(text: str) -> str | None:
    """A host as it stands in a URL, in its one usual form; None if it is none."""
    bracketed = text.startswith("[")
    if not bracketed and re.fullmatch(r"[0-9.]+", text) is None:
        return text if is_domain(text) else None
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    if bracketed != (address.version == 6):
        return None
    return f"[{address}]" if bracketed else str(address)
