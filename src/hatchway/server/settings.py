"""Where a server listens, how it is reached, and where its data is: plain frozen values, validated when they are
made."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from hatchway.errors import InvalidRequest
from hatchway.gateway.forwarded import Network
from hatchway.gateway.limits import GatewayLimits
from hatchway.preview.address import fetch_path, host_url
from hatchway.server.public_url import PublicUrl, is_domain, is_local_name, is_loopback

DEFAULT_PORT = 6420
DEFAULT_PREVIEW_DOMAIN = "localhost"

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


@dataclass(frozen=True, slots=True)
class Settings:
    """One server's settings.

    Raises:
        InvalidRequest: `invalid_setting` for a value out of range; `token_required` where others than this machine's
            programs can reach the server and there is no API token.
    """

    host: str = "127.0.0.1"
    """The address to listen on: an IP address or a host name."""
    port: int = DEFAULT_PORT
    """The TCP port to listen on; 0 takes a free one."""
    data_dir: Path = field(default_factory=default_data_dir)
    """Where the database and the VMs' files are. Made absolute."""
    cache_dir: Path = field(default_factory=default_cache_dir)
    """Where provided software is kept, shared by all servers of a user. Made absolute."""
    preview_domain: str = DEFAULT_PREVIEW_DOMAIN
    """Previews are at `{scheme}://{token}.{preview_domain}:{port}/`."""
    api_token: str | None = field(default_factory=api_token_from_environment, repr=False)
    """The credential of the control API. None leaves it open to whoever can reach the listener."""
    allowed_hosts: frozenset[str] = frozenset()
    """Names in `Host` by which the control API may be called, beside those of loopback; without a port, IPv6
    addresses in brackets. The bind address and the public URL's host are always among them."""
    public_url: PublicUrl | None = None
    """Where visitors reach the server, if a proxy stands in front of it. None: at its own address."""
    tls_cert: Path | None = None
    """The PEM file of the certificate and its chain, with which the listener speaks TLS. Made absolute."""
    tls_key: Path | None = None
    """The PEM file of the certificate's private key. Made absolute."""
    trusted_proxies: tuple[Network, ...] = ()
    """Whose word is taken for who the client behind them is."""
    gateway_limits: GatewayLimits = field(default_factory=GatewayLimits)
    """How much clients and services may send, and how long they may take."""

    def __post_init__(self) -> None:
        host: object = self.host
        if not isinstance(host, str) or not host or not host.isprintable() or " " in host:
            raise InvalidRequest("invalid_setting", f"host must be an address or a name, not {host!r}")
        port: object = self.port
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise InvalidRequest(
                "invalid_setting", f"port must be a whole number between 0 and 65535, not {port!r}"
            )
        for name in ("data_dir", "cache_dir", "tls_cert", "tls_key"):
            path: Path | None = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, Path(path).expanduser().absolute())
        self._check_domain()
        self._check_tls()
        self._check_proxies()
        self._check_token()
        if isinstance(self.allowed_hosts, str):
            raise InvalidRequest("invalid_setting", "allowed_hosts must be a set of host names, not one text")
        object.__setattr__(self, "allowed_hosts", self._known_hosts())

    @property
    def public_scheme(self) -> str:
        """The scheme that visitors use: `http` or `https`."""
        if self.public_url is not None:
            return self.public_url.scheme
        return "http" if self.tls_cert is None else "https"

    @property
    def public_port(self) -> int | None:
        """The port that visitors use; None: the listener's own."""
        return None if self.public_url is None else self.public_url.port

    def preview_url(self, token: str, port: int) -> str:
        """The address of a preview to give to people: one with an origin of its own, wherever there can be one.

        Args:
            token: the preview's.
            port: the one that the listener has.
        """
        public = self.public_url
        if public is not None and not public.is_local and self.preview_domain == DEFAULT_PREVIEW_DOMAIN:
            # The visitor's browser would take the name for the visitor's own machine.
            return f"{public}{fetch_path(token)}/"
        return host_url(token, self.preview_domain, self.public_port or port, scheme=self.public_scheme)

    def _check_domain(self) -> None:
        domain = str(self.preview_domain).lower()
        if len(domain) > MAX_DOMAIN or not is_domain(domain):
            raise InvalidRequest(
                "invalid_setting",
                f"preview_domain must be a domain name of at most {MAX_DOMAIN} characters, "
                f"not {self.preview_domain!r}",
                "give the name alone, such as preview.example.org, without a scheme or port",
            )
        object.__setattr__(self, "preview_domain", domain)

    def _check_tls(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            given, missing = ("tls_cert", "tls_key") if self.tls_key is None else ("tls_key", "tls_cert")
            raise InvalidRequest(
                "invalid_setting",
                f"{given} is given without {missing}",
                "TLS needs a certificate and its private key: give both, or neither",
            )

    def _check_proxies(self) -> None:
        for network in self.trusted_proxies:
            if network.prefixlen == 0:
                raise InvalidRequest(
                    "invalid_setting",
                    f"trusting {network} as a proxy would let every client forge its address",
                    "give the addresses of the proxies alone",
                )
        object.__setattr__(self, "trusted_proxies", tuple(self.trusted_proxies))

    def _check_token(self) -> None:
        # The messages leave the token out on purpose.
        if self.api_token is not None and _TOKEN.fullmatch(self.api_token) is None:
            raise InvalidRequest(
                "invalid_setting",
                "the API token must be visible ASCII characters without spaces",
                "check HATCHWAY_TOKEN",
            )
        if self.api_token is not None:
            return
        if not is_loopback(self.host):
            raise InvalidRequest(
                "token_required",
                f"listening on {self.host} without an API token would open the VMs to the whole network",
                "set HATCHWAY_TOKEN to a long random text, or listen on 127.0.0.1",
            )
        sign = self._sign_of_a_proxy()
        if sign is not None:
            raise InvalidRequest(
                "token_required",
                f"{sign} without an API token would open the VMs to everybody who reaches the proxy in front",
                "set HATCHWAY_TOKEN to a long random text",
            )

    def _sign_of_a_proxy(self) -> str | None:
        """What says that others than this machine's programs come here, by way of a proxy: one that runs on this
        machine looks like any program, whoever it speaks for."""
        if self.public_url is not None and not self.public_url.is_local:
            return "a public URL"
        if self.trusted_proxies:
            return "trusted proxies"
        return None if is_local_name(self.preview_domain) else "a preview domain"

    def _known_hosts(self) -> frozenset[str]:
        hosts = {host.lower() for host in self.allowed_hosts}
        if self.public_url is not None:
            hosts.add(self.public_url.host)
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            hosts.add(self.host.lower())
        else:
            if not address.is_unspecified:
                hosts.add(f"[{address}]" if address.version == 6 else str(address))
        return frozenset(hosts)
