"""Where a server listens, how it is reached, and where its data is: plain frozen values, validated when they are
made."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hatchway.errors import InvalidRequest
from hatchway.gateway.forwarded import Network
from hatchway.gateway.limits import GatewayLimits
from hatchway.preview.address import fetch_path, host_url
from hatchway.server.given_settings import (
    check_allowed_hosts,
    check_api_token,
    check_disk_reserve_bytes,
    check_host,
    check_path,
    check_port,
    check_preview_domain,
    check_public_url,
    check_ready_vms,
    check_trusted_proxies,
)
from hatchway.server.public_url import PublicUrl, is_local_name, is_loopback

DEFAULT_PORT = 6420
DEFAULT_PREVIEW_DOMAIN = "localhost"

CONCERNS = "settings"
"""In the details of an error about several settings: the names of those that were given and do not go together with
the others."""

CHECKS: Mapping[str, Callable[[object], Any]] = {
    "host": check_host,
    "port": check_port,
    "data_dir": partial(check_path, "data_dir"),
    "cache_dir": partial(check_path, "cache_dir"),
    "preview_domain": check_preview_domain,
    "api_token": check_api_token,
    "allowed_hosts": check_allowed_hosts,
    "public_url": check_public_url,
    "tls_cert": partial(check_path, "tls_cert"),
    "tls_key": partial(check_path, "tls_key"),
    "trusted_proxies": check_trusted_proxies,
    "ready_vms": check_ready_vms,
    "disk_reserve_bytes": check_disk_reserve_bytes,
}
"""What each field may be, but for the gateway's limits, which check themselves."""

OPTIONAL = frozenset({"api_token", "public_url", "tls_cert", "tls_key", "disk_reserve_bytes"})
"""The fields that may be None."""


def default_data_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_DATA_HOME/hatchway`, by default `~/.local/share/hatchway` (XDG Base Directory Specification)."""
    return _base(environment, "XDG_DATA_HOME", ".local/share") / "hatchway"


def default_cache_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CACHE_HOME/hatchway`, by default `~/.cache/hatchway` (XDG Base Directory Specification)."""
    return _base(environment, "XDG_CACHE_HOME", ".cache") / "hatchway"


def _base(environment: Mapping[str, str], variable: str, below_home: str) -> Path:
    given = environment.get(variable, "")
    # The specification says that a relative path is invalid and must be ignored.
    return Path(given) if os.path.isabs(given) else Path.home() / below_home


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
    api_token: str | None = field(default=None, repr=False)
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
    ready_vms: int = 4
    """How many VMs of a kind wait ready at most, for the next that is made; 0: none."""
    disk_reserve_bytes: int | None = None
    """What VMs leave free of the file system of `data_dir`; None: 1 GiB, or 5 % of a small one."""
    gateway_limits: GatewayLimits = field(default_factory=GatewayLimits)
    """How much clients and services may send, and how long they may take."""

    def __post_init__(self) -> None:
        for name, check in CHECKS.items():
            value = getattr(self, name)
            if value is not None or name not in OPTIONAL:
                object.__setattr__(self, name, check(value))
        self._check_tls()
        self._check_token()
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

    def _check_tls(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            given, missing = ("tls_cert", "tls_key") if self.tls_key is None else ("tls_key", "tls_cert")
            raise InvalidRequest(
                "invalid_setting",
                f"{given} is given without {missing}",
                "TLS needs a certificate and its private key: give both, or neither",
                details={CONCERNS: [given]},
            )

    def _check_token(self) -> None:
        if self.api_token is not None:
            return
        if not is_loopback(self.host):
            raise InvalidRequest(
                "token_required",
                f"listening on {self.host} without an API token would open the VMs to the whole network",
                "set HATCHWAY_TOKEN to a long random text, or listen on 127.0.0.1",
                details={CONCERNS: ["host"]},
            )
        sign = self._sign_of_a_proxy()
        if sign is not None:
            name, words = sign
            raise InvalidRequest(
                "token_required",
                f"{words} without an API token would open the VMs to everybody who reaches the proxy in front",
                "set HATCHWAY_TOKEN to a long random text",
                details={CONCERNS: [name]},
            )

    def _sign_of_a_proxy(self) -> tuple[str, str] | None:
        """What says that others than this machine's programs come here, by way of a proxy: one that runs on this
        machine looks like any program, whoever it speaks for."""
        if self.public_url is not None and not self.public_url.is_local:
            return "public_url", "a public URL"
        if self.trusted_proxies:
            return "trusted_proxies", "trusted proxies"
        return None if is_local_name(self.preview_domain) else ("preview_domain", "a preview domain")

    def _known_hosts(self) -> frozenset[str]:
        hosts = set(self.allowed_hosts)
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
