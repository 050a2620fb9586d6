"""`hatchway events KEY`: what happens in a VM."""

from __future__ import annotations

import base64
import sys
from typing import Annotated, Any

import typer

from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    JsonOption,
    KeyArgument,
    KindOption,
    UrlOption,
    with_existing,
)
from hatchway.cli.tables import moment, show_json
from hatchway.client import Agent, Event
from hatchway.printable import printable


def events(
    key: KeyArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what happens from now on, until Ctrl-C.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="EVENT", help="Such as process_exit; may be repeated."),
    ] = None,
    cursor: Annotated[
        str, typer.Option("--cursor", metavar="CURSOR", help="That of an event, to begin behind it.")
    ] = "start",
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Print what has happened in a VM since the server started, as far as it is kept: a line for each event.

    It does not wake the VM. What was printed has U+FFFD for what a terminal would obey; in JSON it is whole, as base64.
    """

    async def show(agent: Agent) -> None:
        async with agent.events(cursor, only or None, follow=follow) as told:
            async for event in told:
                show_json(_fields(event)) if as_json else sys.stdout.write(line(event))
                sys.stdout.flush()

    with_existing(url, kind, key, show)


def line(event: Event) -> str:
    """An event as one line. Pure."""
    words = [moment(event.at) if event.at is not None else "-", event.kind]
    words += [f"{name}={value}" for name, value in event.fields.items() if value not in (None, "")]
    if event.data:
        words.append(event.text.rstrip("\r\n"))
    return printable(" ".join(words), one_line=True) + "\n"


def _fields(event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = {"cursor": event.cursor, "event": event.kind}
    if event.at is not None:
        fields["at"] = event.at.isoformat().replace("+00:00", "Z")
    fields |= event.fields
    if event.kind in {"process_output", "shell_data"}:
        fields["data"] = base64.b64encode(event.data).decode()
    return fields
