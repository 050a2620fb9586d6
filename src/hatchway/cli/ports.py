"""`hatchway ports KEY`: the ports that are listened on in a VM."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Annotated

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
from hatchway.cli.tables import show_json, show_list
from hatchway.client import Agent, PortInfo


def ports(
    key: KeyArgument,
    wait: Annotated[
        int | None, typer.Option("--wait", metavar="PORT", help="Wait first until this port is listened on.")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="How long to wait at most.")
    ] = 30.0,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """List the TCP ports that are listened on in a VM.

    On a terminal it is a table; elsewhere a line for each, its fields separated by tabs, without a header.
    """

    async def ask(agent: Agent) -> list[PortInfo]:
        if wait is not None:
            await agent.wait_for_port(wait, timeout)
        return await agent.ports()

    found = with_existing(url, kind, key, ask)
    if as_json:
        show_json([asdict(each) for each in found])
        return
    rows = [(str(each.port), each.address, str(each.pid or "-"), shlex.join(each.command)) for each in found]
    show_list(
        ("PORT", "ADDRESS", "PID", "COMMAND"),
        rows,
        nothing="nothing listens in this VM",
        numbers={"PORT", "PID"},
    )
