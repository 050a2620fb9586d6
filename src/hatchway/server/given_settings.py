"""Settings from what somebody gave, in code or on a command line. Pure, but for the defaults of what was not given."""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hatchway.errors import InvalidRequest
from hatchway.gateway.forwarded import Network
from hatchway.gateway.limits import GatewayLimits
from hatchway.server.public_url import parse_public_url
from hatchway.server.settings import Settings

_DEFAULTS: dict[str, int | float] = dataclasses.asdict(GatewayLimits())


def given_settings(
    *,
    host: str | None = None,
    port: int | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    preview_domain: str | None = None,
    allowed_hosts: Iterable[str] | None = None,
    public_url: str | None = None,
    tls_cert: str | os.PathLike[str] | None = None,
    tls_key: str | os.PathLike[str] | None = None,
    trusted_proxies: Iterable[str] | None = None,
    gateway_limits: Mapping[str, float] | None = None,
) -> Settings:
    """The settings with these values, and the defaults for those that are None.

    Args:
        trusted_proxies: addresses, and networks in CIDR notation.
        gateway_limits: fields of `GatewayLimits` by name.
        (others): as in `Settings`; a URL as `parse_public_url` reads it.

    Raises:
        InvalidRequest: `invalid_setting`, `token_required`.
    """
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "data_dir": _path(data_dir),
        "preview_domain": preview_domain,
        "allowed_hosts": _set(allowed_hosts),
        "public_url": None if public_url is None else parse_public_url(public_url),
        "tls_cert": _path(tls_cert),
        "tls_key": _path(tls_key),
        "trusted_proxies": None if trusted_proxies is None else parse_networks(trusted_proxies),
        "gateway_limits": None if gateway_limits is None else limits_with(gateway_limits),
    }
    return Settings(**{name: value for name, value in given.items() if value is not None})


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses (`192.0.2.1`) and networks (`192.0.2.0/24`), IPv4 and IPv6.

    Raises:
        InvalidRequest: `invalid_setting`.
    """
    networks: list[Network] = []
    for text in (texts,) if isinstance(texts, str) else texts:
        try:
            networks.append(ipaddress.ip_network(text.strip()))
        except (ValueError, AttributeError):
            raise InvalidRequest(
                "invalid_setting",
                f"a trusted proxy must be an address or a network, not {text!r}",
                "such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/64; what follows the network's bits must be zero",
            ) from None
    return tuple(networks)


def parse_limits(texts: Iterable[str]) -> dict[str, int | float]:
    """Limits given as `NAME=VALUE`, the last of a name counting.

    Raises:
        InvalidRequest: `invalid_setting` for what is not in that form, or a name that is no limit's.
    """
    values: dict[str, int | float] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals:
            raise InvalidRequest(
                "invalid_setting", f"a limit must be NAME=VALUE, not {text!r}", "such as head_seconds=10"
            )
        kind = type(_default_of(name))
        try:
            values[name] = kind(value)
        except ValueError:
            number = "whole number" if kind is int else "number"
            raise InvalidRequest(
                "invalid_setting", f"the limit {name} must be a {number}, not {value.strip()!r}"
            ) from None
    return values


def limits_with(values: Mapping[str, float]) -> GatewayLimits:
    """The gateway's limits, with these fields changed.

    Raises:
        InvalidRequest: `invalid_setting` for a name that is no limit's, or a value out of range.
    """
    for name in values:
        _default_of(name)
    return GatewayLimits(**values)  # type: ignore[arg-type] # it checks the types itself


def _default_of(name: str) -> int | float:
    default = _DEFAULTS.get(name)
    if default is None:
        nearest = difflib.get_close_matches(str(name), _DEFAULTS, n=1, cutoff=0.5)
        known = f"the limits are {', '.join(_DEFAULTS)}"
        hint = f"did you mean {nearest[0]}? {known}" if nearest else known
        raise InvalidRequest("invalid_setting", f"there is no limit named {name!r}", hint)
    return default


def _path(given: str | os.PathLike[str] | None) -> Path | None:
    return None if given is None else Path(given)


def _set(given: Iterable[str] | None) -> frozenset[str] | None:
    return None if given is None else frozenset(given)
