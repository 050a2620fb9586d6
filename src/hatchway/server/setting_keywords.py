"""The settings as keywords of `setup()` and `Registry.start()`, for type checkers and editors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TypedDict


class SettingKeywords(TypedDict, total=False):
    """A server's settings in code. What is absent or None is left to the other layers and the default."""

    host: str | None
    """The address to listen on, by default 127.0.0.1; one beyond loopback needs a token."""
    port: int | None
    """The TCP port, by default 6420; 0 takes a free one."""
    data_dir: str | os.PathLike[str] | None
    """Where the database and the VMs' files are, by default `$XDG_DATA_HOME/hatchway`."""
    cache_dir: str | os.PathLike[str] | None
    """Where fetched software is kept, by default `$XDG_CACHE_HOME/hatchway`."""
    preview_domain: str | None
    """Previews are one label below it, by default below `localhost`; any other needs a token."""
    token: str | None
    """The API token. Better in `HATCHWAY_TOKEN`: code is kept where many can read it."""
    allowed_hosts: Iterable[str] | None
    """Further names by which the control API may be called, without a port."""
    public_url: str | None
    """`http(s)://host[:port]` where visitors reach the server, if a proxy stands in front of it."""
    tls_cert: str | os.PathLike[str] | None
    """A PEM file of the certificate and its chain, for a listener that speaks TLS."""
    tls_key: str | os.PathLike[str] | None
    """A PEM file of the certificate's private key."""
    trusted_proxies: Iterable[str] | None
    """Addresses and networks whose word is taken for who the client behind them is."""
    ready_vms: int | None
    """How many VMs of a kind wait ready at most, for the next that is made; by default 4, 0: none."""
    disk_reserve_bytes: int | None
    """Bytes of the data folder's file system that VMs leave free, by default 1 GiB, or 5 % of a small one."""
    gateway_limits: Mapping[str, float] | None
    """Sizes in bytes and times in seconds, by the names that docs/deploy.md lists."""
