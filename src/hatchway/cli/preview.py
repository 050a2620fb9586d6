"""`hatchway preview create|revoke`: preview URLs."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    KeyArgument,
    KindOption,
    UrlOption,
    with_agent,
)
from hatchway.cli.terminal import say
from hatchway.errors import InvalidRequest
from hatchway.preview.grant import CorsMode

app = typer.Typer(help="Preview URLs: time-limited and revocable.", no_args_is_help=True)

FROM_STDIN = "-"

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    key: KeyArgument,
    port: Annotated[
        int, typer.Argument(metavar="PORT", help="The port that the service in the VM listens on.")
    ],
    expires_in: Annotated[
        int | None,
        typer.Option("--expires-in", metavar="SECONDS", help="How long it lives; by default as configured."),
    ] = None,
    forward_host: Annotated[
        bool,
        typer.Option(
            "--forward-host",
            help="Tell the service its public host in X-Forwarded-Host; the host holds the preview's token.",
        ),
    ] = False,
    cors: Annotated[
        CorsMode,
        typer.Option(
            "--cors", help="Who answers for CORS: the gateway, for any origin (open), or the service (app)."
        ),
    ] = "open",
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Make a preview URL of a port and print it."""
    preview = with_agent(
        url,
        kind,
        key,
        lambda agent: agent.create_signed_preview_url(port, expires_in, forward_host=forward_host, cors=cors),
    )
    expires_at = preview.expires_at.isoformat().replace("+00:00", "Z")
    if as_json:
        fields = {
            "id": preview.id,
            "url": preview.url,
            "path": preview.path,
            "token": preview.token,
            "port": preview.port,
            "expires_at": expires_at,
            "forward_host": preview.forward_host,
            "cors": preview.cors,
            "label": preview.label,
        }
        sys.stdout.write(json.dumps(fields) + "\n")
        return
    sys.stdout.write(preview.url + "\n")
    say(f"port {preview.port}, until {expires_at}")
    if preview.forward_host:
        say("the service in the VM sees the host of this URL, and so the token in it")
    if preview.cors == "app":
        say("the service answers for CORS itself")


@app.command()
def revoke(
    key: KeyArgument,
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="The preview's token; - reads it from standard input.")
    ] = FROM_STDIN,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Revoke a preview at once. A token that is no (longer a) preview is no error."""
    # Arguments can be seen by every user of the machine; standard input cannot.
    wanted = sys.stdin.readline().strip() if token == FROM_STDIN else token
    if not wanted:
        raise InvalidRequest(
            "invalid_token", "no token was given", "pass it as an argument or on standard input"
        )
    expired = with_agent(url, kind, key, lambda agent: agent.expire_signed_preview_url(wanted))
    if as_json:
        sys.stdout.write(json.dumps({"expired": expired}) + "\n")
    say("revoked" if expired else "there was no live preview with this token")
