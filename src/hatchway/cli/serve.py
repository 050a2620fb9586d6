"""`hatchway serve`: run a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hatchway.cli.registry_loader import default_registry, load_registry
from hatchway.server.settings import Settings


def serve(
    registry: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODULE:REGISTRY]",
            help="A registry made by setup(), such as server:registry; without it, one kind of VM named vm.",
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            "--host", help="The address to listen on, by default 127.0.0.1; others need HATCHWAY_TOKEN."
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="The TCP port, by default 6420; 0 takes a free one.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="Where data is kept, by default $XDG_DATA_HOME/hatchway."),
    ] = None,
    preview_domain: Annotated[
        str | None,
        typer.Option(
            "--preview-domain", help="Previews are at {token}.DOMAIN, by default at {token}.localhost."
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", metavar="NAME", help="A name by which the control API may be called."),
    ] = None,
) -> None:
    """Run a server until Ctrl-C or SIGTERM."""
    served = default_registry() if registry is None else load_registry(registry)
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "preview_domain": preview_domain,
        "allowed_hosts": frozenset(allowed_host) if allowed_host else None,
    }
    served.run(Settings(**{name: value for name, value in given.items() if value is not None}))
