"""Values that a server's settings can have, and how each layer writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from hatchway.server.configuration import Layer, from_code, from_environment, from_flags
from hatchway.server.given_settings import LIMITS
from hatchway.server.setting_table import LIMIT, SETTINGS, Setting

LAYERS = ("setup", "start", "environment", "flags")
"""The weakest first."""

_PATHS = st.from_regex(r"/[a-z]{1,8}(/[a-z]{1,8}){0,2}", fullmatch=True)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "host": st.sampled_from(["127.0.0.1", "127.0.0.2", "::1", "localhost", "0.0.0.0", "www.example.org"]),
    "port": st.integers(0, 65535),
    "data_dir": _PATHS,
    "cache_dir": _PATHS,
    "preview_domain": st.sampled_from(["localhost", "a.localhost", "preview.example.org"]),
    "token": st.from_regex(r"[!-~]{1,40}", fullmatch=True),
    "allowed_hosts": st.lists(
        st.sampled_from(["a.example", "b.example", "[2001:db8::1]", "192.0.2.1"]), min_size=1, unique=True
    ).map(sorted),
    "public_url": st.sampled_from(["http://localhost:8080", "https://www.example.org", "http://[::1]:81"]),
    "tls_cert": _PATHS,
    "tls_key": _PATHS,
    "trusted_proxies": st.lists(
        st.sampled_from(["192.0.2.1/32", "10.0.0.0/8", "2001:db8::/64"]), min_size=1, unique=True
    ),
    "ready_vms": st.integers(0, 100),
    "disk_reserve_bytes": st.integers(0, 2**40),
} | {
    LIMIT + name: st.integers(1, 10**9) if isinstance(default, int) else st.floats(0.001, 10**9)
    for name, default in LIMITS.items()
}
"""What each setting may be, as it is written in code."""


def in_layer(layer: str, values: Mapping[str, Any]) -> Layer:
    """Values by the settings' names, given as people give them in that layer. Those without a flag are left out of
    flags."""
    given = {SETTINGS[name]: value for name, value in values.items()}
    if layer == "environment":
        return from_environment({setting.variable: as_text(value) for setting, value in given.items()})
    plain = {setting.name: value for setting, value in given.items() if setting.limit is None}
    limits = {setting.limit: value for setting, value in given.items() if setting.limit is not None}
    if layer == "flags":
        flags = {name: value for name, value in plain.items() if SETTINGS[name].flag is not None}
        return from_flags(flags, [f"{name}={as_text(value)}" for name, value in limits.items()])
    return from_code(layer, plain | {"gateway_limits": limits})


def written(layer: str, setting: Setting) -> str:
    """How an error names a setting of that layer."""
    if layer == "environment":
        return setting.variable
    return setting.as_flag() if layer == "flags" else setting.in_code(layer)


def as_text(value: object) -> str:
    """A value as text."""
    return ",".join(value) if isinstance(value, list) else str(value)
