"""`hatchway preview create|list|revoke|renew|open`: preview URLs."""

from __future__ import annotations

import sys
import webbrowser
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    JsonOption,
    KeyArgument,
    KindOption,
    UrlOption,
    with_agent,
    with_existing,
)
from hatchway.cli.tables import HOW_LISTS_ARE_PRINTED, moment, show_json, show_list
from hatchway.cli.terminal import say, say_qr_code
from hatchway.client import Agent, Preview, PreviewInfo
from hatchway.errors import InvalidRequest
from hatchway.preview.grant import CorsMode

app = typer.Typer(help="Preview URLs: time-limited and revocable.", no_args_is_help=True)

FROM_STDIN = "-"

PortArgument = Annotated[
    int, typer.Argument(metavar="PORT", help="The port that the service in the VM listens on.")
]
ExpiryOption = Annotated[
    int | None,
    typer.Option("--expires-in", metavar="SECONDS", help="How long it lives; by default as configured."),
]
LabelOption = Annotated[str, typer.Option("--label", help="What to know it again by in lists.")]
ForwardHostOption = Annotated[
    bool,
    typer.Option(
        "--forward-host",
        help="Tell the service its public host in X-Forwarded-Host; the host holds the preview's token.",
    ),
]
CorsOption = Annotated[
    CorsMode,
    typer.Option(
        "--cors", help="Who answers for CORS: the gateway, for any origin (open), or the service (app)."
    ),
]


@app.command()
def create(
    key: KeyArgument,
    port: PortArgument,
    expires_in: ExpiryOption = None,
    label: LabelOption = "",
    forward_host: ForwardHostOption = False,
    cors: CorsOption = "open",
    wake: Annotated[
        bool, typer.Option("--wake/--no-wake", help="Whether visitors wake the VM when it is asleep.")
    ] = True,
    qr: Annotated[
        bool, typer.Option("--qr", help="Show the URL as a QR code too, on standard error.")
    ] = False,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Make a preview URL of a port and print it."""

    async def make(agent: Agent) -> Preview:
        return await agent.create_signed_preview_url(
            port, expires_in, forward_host=forward_host, cors=cors, label=label, wake=wake
        )

    preview = with_agent(url, kind, key, make)
    if as_json:
        show_json(
            {
                "id": preview.id,
                "url": preview.url,
                "path": preview.path,
                "token": preview.token,
                "port": preview.port,
                "expires_at": preview.expires_at.isoformat().replace("+00:00", "Z"),
                "forward_host": preview.forward_host,
                "cors": preview.cors,
                "label": preview.label,
                "wake": preview.wake,
            }
        )
    else:
        sys.stdout.write(preview.url + "\n")
        _say_what_it_is(preview)
    if qr:
        sys.stdout.flush()
        say_qr_code(preview.url)
        if (urlsplit(preview.url).hostname or "").endswith(".localhost"):
            say(
                "only this machine can open it: names under localhost are everybody's own; see --preview-domain"
            )


@app.command(
    "list",
    help="List the live previews of a VM, oldest first; their URLs were told when they were made, and never again."
    f" {HOW_LISTS_ARE_PRINTED}",
)
def show_all(
    key: KeyArgument,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """List the live previews of a VM."""
    previews = with_existing(url, kind, key, lambda agent: agent.list_previews())
    if as_json:
        show_json([_json(preview) for preview in previews])
        return
    show_list(
        ("ID", "PORT", "LABEL", "UNTIL", "OPTIONS"),
        [
            (one.id, str(one.port), one.label, moment(one.expires_at), ",".join(_options(one)))
            for one in previews
        ],
        nothing="this VM has no live previews",
        numbers={"PORT"},
    )


@app.command()
def revoke(
    key: KeyArgument,
    token: Annotated[
        str | None,
        typer.Argument(
            metavar="TOKEN", help="The preview's token; - or none at all reads it from standard input."
        ),
    ] = None,
    preview_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Revoke the preview with this id instead.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Revoke all previews of the VM.")] = False,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Revoke previews at once. One that is not there (any more) is no error."""
    if sum((token is not None, preview_id is not None, everything)) > 1:
        raise typer.BadParameter("give a token, or --id, or --all: only one of them")
    expired: bool | int
    if everything:
        expired = with_existing(url, kind, key, lambda agent: agent.expire_all_previews())
        told = f"{expired} preview{'' if expired == 1 else 's'} revoked"
    elif preview_id is not None:
        wanted_id = preview_id
        expired = with_existing(url, kind, key, lambda agent: agent.expire_preview(wanted_id))
        told = "revoked" if expired else "there was no live preview with this id"
    else:
        # Arguments can be seen by every user of the machine; standard input cannot.
        wanted = sys.stdin.readline().strip() if token in (None, FROM_STDIN) else token
        if not wanted:
            raise InvalidRequest(
                "invalid_token", "no token was given", "pass it as an argument or on standard input"
            )
        secret = wanted
        expired = with_existing(url, kind, key, lambda agent: agent.expire_signed_preview_url(secret))
        told = "revoked" if expired else "there was no live preview with this token"
    if as_json:
        show_json({"expired": expired})
    say(told)


@app.command()
def renew(
    key: KeyArgument,
    preview_id: Annotated[str, typer.Argument(metavar="ID", help="The preview's id, as in the list.")],
    expires_in: ExpiryOption = None,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Let a live preview end at another time, counted from now, and print when. What is open under it goes on."""
    preview = with_existing(url, kind, key, lambda agent: agent.renew_preview(preview_id, expires_in))
    if as_json:
        show_json(_json(preview))
        return
    sys.stdout.write(moment(preview.expires_at) + "\n")


@app.command("open")
def open_in_browser(
    key: KeyArgument,
    port: PortArgument,
    expires_in: ExpiryOption = None,
    label: LabelOption = "",
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Make a preview URL of a port and open it in the browser; print it where there is none."""
    preview = with_agent(
        url, kind, key, lambda agent: agent.create_signed_preview_url(port, expires_in, label=label)
    )
    # The URL is the server's word: what is none could be a local file or an option of the browser.
    if not preview.url.startswith(("http://", "https://")) or not webbrowser.open(preview.url):
        sys.stdout.write(preview.url + "\n")
        say("no browser was found to open it")
    _say_what_it_is(preview)


def _say_what_it_is(preview: Preview) -> None:
    say(f"port {preview.port}, until {moment(preview.expires_at)}")
    if preview.forward_host:
        say("the service in the VM sees the host of this URL, and so the token in it")
    if preview.cors == "app":
        say("the service answers for CORS itself")


def _options(preview: PreviewInfo) -> list[str]:
    options = ["forward-host"] * preview.forward_host + ["cors=app"] * (preview.cors == "app")
    return options + ["no-wake"] * (not preview.wake)


def _json(preview: PreviewInfo) -> dict[str, Any]:
    return {
        "id": preview.id,
        "port": preview.port,
        "created_at": preview.created_at.isoformat().replace("+00:00", "Z"),
        "expires_at": preview.expires_at.isoformat().replace("+00:00", "Z"),
        "forward_host": preview.forward_host,
        "cors": preview.cors,
        "label": preview.label,
        "wake": preview.wake,
    }
