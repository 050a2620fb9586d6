"""`hatchway serve`: run a server, or show how one would be configured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from hatchway.cli.registry_loader import default_registry, load_registry
from hatchway.cli.show_config import show
from hatchway.server.configuration import from_environment, from_flags, layered
from hatchway.server.setting_table import LIMIT, SETTINGS


def _option(name: str) -> Any:
    """The option of a setting, as the table has it."""
    setting = SETTINGS[name]
    return typer.Option(setting.flag, metavar=setting.metavar, help=setting.help)


def serve(
    registry: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODULE:REGISTRY]",
            help="A registry made by setup(), such as server:registry; without it, one kind of VM named vm.",
        ),
    ] = None,
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[int | None, _option("port")] = None,
    data_dir: Annotated[Path | None, _option("data_dir")] = None,
    cache_dir: Annotated[Path | None, _option("cache_dir")] = None,
    preview_domain: Annotated[str | None, _option("preview_domain")] = None,
    allowed_hosts: Annotated[list[str] | None, _option("allowed_hosts")] = None,
    public_url: Annotated[str | None, _option("public_url")] = None,
    tls_cert: Annotated[Path | None, _option("tls_cert")] = None,
    tls_key: Annotated[Path | None, _option("tls_key")] = None,
    trusted_proxies: Annotated[list[str] | None, _option("trusted_proxies")] = None,
    ready_vms: Annotated[int | None, _option("ready_vms")] = None,
    disk_reserve_bytes: Annotated[int | None, _option("disk_reserve_bytes")] = None,
    limit: Annotated[list[str] | None, _option(f"{LIMIT}head_seconds")] = None,
    show_config: Annotated[
        bool,
        typer.Option(
            "--show-config", help="Check the settings, print each and where it comes from, and start nothing."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --show-config.")] = False,
) -> None:
    """Run a server until Ctrl-C or SIGTERM. SIGHUP makes it read its certificate anew.

    Settings are also read from setup(…) and from variables such as HATCHWAY_PORT; these override code, options both.
    """
    if as_json and not show_config:
        raise typer.BadParameter("goes with --show-config only", param_hint="--json")
    served = default_registry() if registry is None else load_registry(registry)
    flags = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "cache_dir": cache_dir,
        "preview_domain": preview_domain,
        "allowed_hosts": allowed_hosts,
        "public_url": public_url,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "trusted_proxies": trusted_proxies,
        "ready_vms": ready_vms,
        "disk_reserve_bytes": disk_reserve_bytes,
    }
    configuration = layered(
        os.environ,
        served.settings,
        from_environment(os.environ),
        from_flags(flags, limit or ()),
    )
    if show_config:
        show(configuration, as_json=as_json)
    else:
        served.run(configuration.settings)
