"""`hatchway serve`: run a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hatchway.cli.registry_loader import default_registry, load_registry
from hatchway.server.given_settings import given_settings, parse_limits


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
        typer.Option(
            "--allowed-host",
            metavar="NAME",
            help="A name by which the control API may be called; may be repeated.",
        ),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(
            "--public-url",
            metavar="URL",
            help="Where visitors reach the server, if a proxy stands in front; needs HATCHWAY_TOKEN.",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            "--tls-cert", metavar="FILE", help="Speak TLS with this certificate and chain, in PEM form."
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option("--tls-key", metavar="FILE", help="The certificate's private key, in PEM form."),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--trusted-proxy",
            metavar="ADDRESS",
            help="A proxy, or a network of them, that says truly who its clients are; may be repeated.",
        ),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            metavar="NAME=VALUE",
            help="A limit of the gateway, such as head_seconds=10; may be repeated.",
        ),
    ] = None,
) -> None:
    """Run a server until Ctrl-C or SIGTERM. SIGHUP makes it read its certificate anew."""
    served = default_registry() if registry is None else load_registry(registry)
    served.run(
        given_settings(
            host=host,
            port=port,
            data_dir=data_dir,
            preview_domain=preview_domain,
            allowed_hosts=allowed_host,
            public_url=public_url,
            tls_cert=tls_cert,
            tls_key=tls_key,
            trusted_proxies=trusted_proxy,
            gateway_limits=parse_limits(limit or ()),
        )
    )
