"""Where a server listens and where its data is: plain frozen values, validated when they are made."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from hatchway.errors import InvalidRequest

DEFAULT_PORT = 6420

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_TOKEN = re.compile(r"[!-~]+")

MAX_DOMAIN = 253 - 33
"""A host name has at most 253 characters (RFC 1035 section 2.3.4); a preview's token and its dot need 33."""


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/hatchway`, by default `~/.local/share/hatchway` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_DATA_HOME", "")
    # The specification says that a relative path is invalid and must be ignored.
    if os.path.isabs(base):
        return Path(base) / "hatchway"
    return Path.home() / ".local" / "share" / "hatchway"


def default_cache_dir() -> Path:
    """`$XDG_CACHE_HOME/hatchway`, by default `~/.cache/hatchway` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):
        return Path(base) / "hatchway"
    return Path.home() / ".cache" / "hatchway"


def api_token_from_environment() -> str | None:
    """The API token in `HATCHWAY_TOKEN`; None where that is unset or empty."""
    return os.environ.get("HATCHWAY_TOKEN") or None


def is_loopback(host: str) -> bool:
    """Whether a bind address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Settings:
    """One server's settings.

    Raises:
        InvalidRequest: `invalid_setting` for a value out of range; `token_required` where `host` is not a
            loopback address and there is no API token.
    """

    host: str = "127.0.0.1"
    """The address to listen on: an IP address or a host name."""
    port: int = DEFAULT_PORT
    """The TCP port to listen on; 0 takes a free one."""
    data_dir: Path = field(default_factory=default_data_dir)
    """Where the database and the VMs' files are. Made absolute."""
    cache_dir: Path = field(default_factory=default_cache_dir)
    """Where provided software is kept, shared by all servers of a user. Made absolute."""
    preview_domain: str = "localhost"
    """Previews are at `http://{token}.{preview_domain}:{port}/`."""
    api_token: str | None = field(default_factory=api_token_from_environment, repr=False)
    """The credential of the control API. None leaves it open to whoever can reach the listener."""
    allowed_hosts: frozenset[str] = frozenset()
    """Names in `Host` by which the control API may be called, beside those of loopback; without a port, IPv6
    addresses in brackets. The bind address is always among them."""

    def __post_init__(self) -> None:
        host: object = self.host
        if not isinstance(host, str) or not host or not host.isprintable() or " " in host:
            raise InvalidRequest("invalid_setting", f"host must be an address or a name, not {host!r}")
        port: object = self.port
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise InvalidRequest(
                "invalid_setting", f"port must be a whole number between 0 and 65535, not {port!r}"
            )
        object.__setattr__(self, "data_dir", Path(self.data_dir).expanduser().absolute())
        object.__setattr__(self, "cache_dir", Path(self.cache_dir).expanduser().absolute())
        domain = str(self.preview_domain).lower()
        if len(domain) > MAX_DOMAIN or _DOMAIN.fullmatch(domain) is None:
            raise InvalidRequest(
                "invalid_setting",
                f"preview_domain must be a domain name of at most {MAX_DOMAIN} characters, "
                f"not {self.preview_domain!r}",
                "give the name alone, such as preview.example.org, without a scheme or port",
            )
        object.__setattr__(self, "preview_domain", domain)
        # The message leaves the token out on purpose.
        if self.api_token is not None and _TOKEN.fullmatch(self.api_token) is None:
            raise InvalidRequest(
                "invalid_setting",
                "the API token must be visible ASCII characters without spaces",
                "check HATCHWAY_TOKEN",
            )
        if not is_loopback(self.host) and self.api_token is None:
            raise InvalidRequest(
                "token_required",
                f"listening on {self.host} without an API token would open the VMs to the whole network",
                "set HATCHWAY_TOKEN to a long random text, or listen on 127.0.0.1",
            )
        if isinstance(self.allowed_hosts, str):
            raise InvalidRequest("invalid_setting", "allowed_hosts must be a set of host names, not one text")
        object.__setattr__(self, "allowed_hosts", self._known_hosts())

    def _known_hosts(self) -> frozenset[str]:
        hosts = {host.lower() for host in self.allowed_hosts}
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            hosts.add(self.host.lower())
        else:
            if not address.is_unspecified:
                hosts.add(f"[{address}]" if address.version == 6 else str(address))
        return frozenset(hosts)
