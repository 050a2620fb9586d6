"""`hatchway kill KEY PID…`: send a signal to processes in a VM."""

from __future__ import annotations

from typing import Annotated

import typer

from hatchway.cli.each import for_each
from hatchway.cli.options import DEFAULT_KIND, DEFAULT_URL, KeyArgument, KindOption, UrlOption, with_existing
from hatchway.client import Agent


def kill(
    key: KeyArgument,
    pids: Annotated[
        list[int], typer.Argument(metavar="PID", min=1, help="As hatchway spawn and hatchway ps tell them.")
    ],
    name: Annotated[
        str, typer.Option("--signal", "-s", metavar="NAME", help="Its name or number, such as HUP or 9.")
    ] = "TERM",
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Send a signal to processes in a VM: to a spawned one and its children, or to any other one alone."""
    signal = parse_signal(name)

    async def send(agent: Agent) -> int:
        return await for_each(
            pids, lambda pid: agent.signal_process(pid, signal), lambda pid: f"process {pid}"
        )

    raise typer.Exit(with_existing(url, kind, key, send))


def parse_signal(text: str) -> str | int:
    """A signal as the client takes it: a number, or a name with or without SIG. Pure."""
    return int(text) if text.isascii() and text.isdecimal() else text
