"""Every setting of a server, once: how it is written in code, in the environment and on the command line, and what it
may be. The layers, `hatchway serve`, `--show-config` and the check of the README follow from this table.

A setting that is added here needs its field in `Settings`, its keyword in `setting_keywords`, a parameter of
`hatchway serve` and a row in the README; the tests say which of them is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hatchway.server.given_settings import (
    LIMITS,
    check_limit,
    parse_limit,
    parse_list,
    parse_whole_number,
)
from hatchway.server.settings import CHECKS

PREFIX = "HATCHWAY_"
"""What the names of our environment variables begin with."""

CLIENT_VARIABLES = frozenset({"HATCHWAY_URL", "HATCHWAY_DEBUG"})
"""Environment variables that commands and clients read, and a server does not. HATCHWAY_TOKEN is read by both."""

LIMIT = "limit_"
"""What the names of the settings begin with that are limits of the gateway."""


def _as_it_is(text: str) -> object:
    return text


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. Its name is its keyword in code, but for a limit, which is an entry of `gateway_limits` there."""

    name: str
    field: str
    """The field of `Settings`, or of its `gateway_limits`."""
    check: Callable[[object], Any]
    """The value as `Settings` holds it, of one that was given in code or by a flag; see `given_settings`."""
    help: str
    """What it is, in a line of `--help`."""
    flag: str | None = None
    """The option of `hatchway serve`; None for a secret: every user of a machine can read the arguments of its
    processes (proc(5), /proc/pid/cmdline)."""
    metavar: str | None = None
    """What stands for the value in `--help`; None: the name of its type."""
    default: str = "none"
    """The default in words; what it is follows from `Settings`."""
    parse: Callable[[str], object] = _as_it_is
    """What `check` is given for a text of the environment."""
    secret: bool = False
    """Whether the value must never be shown."""

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return PREFIX + self.name.upper()

    @property
    def limit(self) -> str | None:
        """The limit's name in code and behind `--limit`; None for what is no limit."""
        return self.field if self.name.startswith(LIMIT) else None

    @property
    def keyword(self) -> str:
        """How a call in code names it."""
        return f"gateway_limits={{'{self.limit}': …}}" if self.limit is not None else f"{self.name}=…"

    def in_code(self, call: str) -> str:
        """How it is written in code: as a keyword of `call`."""
        return f"{call}({self.keyword})"

    def as_flag(self) -> str:
        """How it is written on the command line."""
        return f"--limit {self.limit}" if self.limit is not None else str(self.flag)


def _setting(name: str, help: str, *, field: str | None = None, **more: Any) -> Setting:  # noqa: A002
    field = field or name
    return Setting(name, field, CHECKS[field], help, **more)


_SERVER = (
    _setting(
        "host",
        "The address to listen on, by default 127.0.0.1; others need HATCHWAY_TOKEN.",
        flag="--host",
        default="127.0.0.1",
    ),
    _setting(
        "port",
        "The TCP port, by default 6420; 0 takes a free one.",
        flag="--port",
        default="6420",
        parse=parse_whole_number,
    ),
    _setting(
        "data_dir",
        "Where data is kept, by default $XDG_DATA_HOME/hatchway.",
        flag="--data-dir",
        default="$XDG_DATA_HOME/hatchway",
    ),
    _setting(
        "cache_dir",
        "Where fetched software is kept, by default $XDG_CACHE_HOME/hatchway.",
        flag="--cache-dir",
        default="$XDG_CACHE_HOME/hatchway",
    ),
    _setting(
        "preview_domain",
        "Previews are at {token}.DOMAIN, by default at {token}.localhost.",
        flag="--preview-domain",
        default="localhost",
    ),
    _setting(
        "token",
        "The API token: the credential of the control API.",
        field="api_token",
        secret=True,
    ),
    _setting(
        "allowed_hosts",
        "A name by which the control API may be called; may be repeated.",
        flag="--allowed-host",
        metavar="NAME",
        parse=parse_list,
    ),
    _setting(
        "public_url",
        "Where visitors reach the server, if a proxy stands in front; needs HATCHWAY_TOKEN.",
        flag="--public-url",
        metavar="URL",
    ),
    _setting(
        "tls_cert",
        "Speak TLS with this certificate and chain, in PEM form.",
        flag="--tls-cert",
        metavar="FILE",
    ),
    _setting(
        "tls_key",
        "The certificate's private key, in PEM form.",
        flag="--tls-key",
        metavar="FILE",
    ),
    _setting(
        "trusted_proxies",
        "A proxy, or a network of them, that says truly who its clients are; may be repeated.",
        flag="--trusted-proxy",
        metavar="ADDRESS",
        parse=parse_list,
    ),
    _setting(
        "ready_vms",
        "How many VMs of a kind wait ready at most, by default 4; 0: none.",
        flag="--ready-vms",
        default="4",
        parse=parse_whole_number,
    ),
    _setting(
        "disk_reserve_bytes",
        "What VMs leave free of the data folder's disk, by default 1 GiB, or 5 % of a small one.",
        flag="--disk-reserve-bytes",
        metavar="BYTES",
        parse=parse_whole_number,
    ),
)

_LIMITS = tuple(
    Setting(
        LIMIT + name,
        name,
        partial(check_limit, name),
        "A limit of the gateway, such as head_seconds=10; may be repeated.",
        flag="--limit",
        metavar="NAME=VALUE",
        default=str(default),
        parse=partial(parse_limit, name),
    )
    for name, default in LIMITS.items()
)

SETTINGS: Mapping[str, Setting] = {each.name: each for each in (*_SERVER, *_LIMITS)}
"""All of them by name, in the order in which they are shown."""

VARIABLES: Mapping[str, Setting] = {each.variable: each for each in SETTINGS.values()}
"""All of them by environment variable."""

KEYWORDS: frozenset[str] = frozenset({*(each.name for each in _SERVER), "gateway_limits"})
"""What `setup()` and `Registry.start()` take."""
