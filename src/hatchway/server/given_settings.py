"""Values that somebody gave, in code, in the environment or on a command line: each checked, and brought into its one
form. Pure, but for making paths absolute.

Each `check_…` takes a value of any type, gives the one that `Settings` holds, and raises `InvalidRequest`
`invalid_setting` for what is none. It takes its own results too.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from hatchway.errors import InvalidRequest
from hatchway.gateway.forwarded import Network
from hatchway.gateway.limits import GatewayLimits
from hatchway.nearest import unknown_setting
from hatchway.printable import shown
from hatchway.server.public_url import PublicUrl, is_domain, parse_public_url

LIMITS: Mapping[str, int | float] = dataclasses.asdict(GatewayLimits())
"""The gateway's limits by name, with their defaults."""

MAX_DOMAIN = 253 - 33
"""A host name has at most 253 characters (RFC 1035 section 2.3.4); a preview's token and its dot need 33."""

_TOKEN = re.compile(r"[!-~]+")
_HOST_NAME = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")

MAX_READY_VMS = 100
"""More would take longer to end than any burst of new VMs lasts."""


def check_host(value: object) -> str:
    """An address to listen on, or a name of one."""
    if not isinstance(value, str) or not value or not value.isprintable() or " " in value:
        raise _invalid(f"host must be an address or a name, not {shown(value)}")
    return value


def check_port(value: object) -> int:
    """A TCP port; 0 stands for a free one."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise _invalid(f"port must be a whole number between 0 and 65535, not {shown(value)}")
    return value


def check_path(name: str, value: object) -> Path:
    """A file or folder, `~` being the user's home; made absolute."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise _invalid(f"{name} must be a path, not {shown(value)}")
    try:
        return Path(text).expanduser().absolute()
    except (RuntimeError, OSError):  # no such user; a working directory that is not there any more
        raise _invalid(
            f"{name} cannot be made absolute: {shown(value)}", "give a path from the root"
        ) from None


def check_preview_domain(value: object) -> str:
    """A domain that leaves room for a token; in lower case."""
    domain = value.lower() if isinstance(value, str) else ""
    if len(domain) > MAX_DOMAIN or not is_domain(domain):
        raise _invalid(
            f"preview_domain must be a domain name of at most {MAX_DOMAIN} characters, not {shown(value)}",
            "give the name alone, such as preview.example.org, without a scheme or port",
        )
    return domain


def check_allowed_hosts(value: object) -> frozenset[str]:
    """Names as they stand in `Host`, without a port; in lower case."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise _invalid("allowed_hosts must be a set of host names, not one text")
    hosts = set()
    for host in value:
        lower = host.lower() if isinstance(host, str) else ""
        if _HOST_NAME.fullmatch(lower) is None:
            raise _invalid(
                f"an allowed host must be a name or an address, not {shown(host)}",
                "give it alone, such as api.example.org or [2001:db8::1], without a scheme or port",
            )
        hosts.add(lower)
    return frozenset(hosts)


def check_public_url(value: object) -> PublicUrl:
    """A URL as `parse_public_url` reads it."""
    return (
        value if isinstance(value, PublicUrl) else parse_public_url(value if isinstance(value, str) else "")
    )


def check_trusted_proxies(value: object) -> tuple[Network, ...]:
    """Addresses and networks, but none that holds everybody."""
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise _invalid(f"trusted_proxies must be a list of addresses and networks, not {shown(value)}")
    networks = parse_networks(value)
    for network in networks:
        if network.prefixlen == 0:
            raise _invalid(
                f"trusting {network} as a proxy would let every client forge its address",
                "give the addresses of the proxies alone",
            )
    return networks


def check_ready_vms(value: object) -> int:
    """How many VMs of a kind wait ready at most."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_READY_VMS:
        raise _invalid(f"ready_vms must be a whole number between 0 and {MAX_READY_VMS}, not {shown(value)}")
    return value


def check_api_token(value: object) -> str:
    """A credential. No message holds any of it."""
    if not isinstance(value, str) or _TOKEN.fullmatch(value) is None:
        raise _invalid("the API token must be visible ASCII characters without spaces")
    return value


def check_disk_reserve_bytes(value: object) -> int:
    """A number of bytes."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise _invalid(f"disk_reserve_bytes must be a whole number of bytes from 0 on, not {shown(value)}")
    return value


def check_limit(name: str, value: object) -> int | float:
    """A value of one of `LIMITS`."""
    limit: int | float = getattr(GatewayLimits(**{name: value}), name)  # type: ignore[arg-type]
    return type(LIMITS[name])(limit)


def check_limit_names(value: object) -> Mapping[str, object]:
    """Values by the names of limits, the values not checked.

    Raises:
        InvalidRequest: `invalid_setting`; `unknown_setting` for a name that is no limit's.
    """
    if not isinstance(value, Mapping):
        raise _invalid(f"gateway_limits must map names of limits to numbers, not {shown(value)}")
    for name in value:
        _known_limit(name)
    return value


def parse_whole_number(text: str) -> object:
    """The number that a text stands for; the text itself if it stands for none, for a `check_…` to refuse."""
    try:
        return int(text)
    except ValueError:
        return text


def parse_list(text: str) -> list[str]:
    """What commas separate, without blanks around it."""
    return [item for item in (item.strip() for item in text.split(",")) if item]


def parse_networks(texts: Iterable[object]) -> tuple[Network, ...]:
    """Addresses (`192.0.2.1`) and networks (`192.0.2.0/24`), IPv4 and IPv6.

    Raises:
        InvalidRequest: `invalid_setting`.
    """
    networks: list[Network] = []
    for text in (texts,) if isinstance(texts, str) else texts:
        if isinstance(text, ipaddress.IPv4Network | ipaddress.IPv6Network):
            networks.append(text)
            continue
        try:
            networks.append(ipaddress.ip_network(text.strip()))  # type: ignore[attr-defined]
        except (ValueError, AttributeError):
            raise _invalid(
                f"a trusted proxy must be an address or a network, not {shown(text)}",
                "such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/64; what follows the network's bits must be zero",
            ) from None
    return tuple(networks)


def parse_limit(name: str, text: str) -> int | float:
    """The value of one of `LIMITS` that a text stands for.

    Raises:
        InvalidRequest: `invalid_setting` for what is no number.
    """
    kind = type(LIMITS[name])
    try:
        return kind(text)
    except ValueError:
        number = "whole number" if kind is int else "number"
        raise _invalid(f"the limit {name} must be a {number}, not {shown(text.strip())}") from None


def parse_limits(texts: Iterable[str]) -> dict[str, int | float]:
    """Limits given as `NAME=VALUE`, the last of a name counting.

    Raises:
        InvalidRequest: `invalid_setting` for what is not in that form; `unknown_setting` for a name that is no
            limit's.
    """
    values: dict[str, int | float] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals:
            raise _invalid(f"a limit must be NAME=VALUE, not {shown(text)}", "such as head_seconds=10")
        _known_limit(name)
        values[name] = parse_limit(name, value)
    return values


def _known_limit(name: object) -> None:
    if name not in LIMITS:
        raise unknown_setting(
            f"there is no limit named {shown(name)}",
            str(name),
            {limit: limit for limit in LIMITS},
            f"the limits are {', '.join(LIMITS)}",
        )


def _invalid(message: str, hint: str = "") -> InvalidRequest:
    return InvalidRequest("invalid_setting", message, hint)
