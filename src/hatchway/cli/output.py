"""`hatchway output KEY PID`: what a spawned program has written."""

from __future__ import annotations

from typing import Annotated

import typer

from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    KeyArgument,
    KindOption,
    PidArgument,
    UrlOption,
    with_existing,
)
from hatchway.cli.streams import write_err, write_out
from hatchway.cli.terminal import say
from hatchway.client import Agent, OutputChunk


def output(
    key: KeyArgument,
    pid: PidArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the program has ended.")
    ] = False,
    offset: Annotated[
        int, typer.Option("--offset", metavar="BYTES", min=0, help="Leave out that many, of both streams.")
    ] = 0,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Print what a spawned program has written, standard error to standard error.

    The last part is kept, after its end too. How much was dropped before is said on standard error.
    """

    async def show(agent: Agent) -> None:
        process = agent.process(pid)
        if follow:
            async for chunk in process.output(offset=offset):
                _show(chunk)
        else:
            for chunk in (await process.read_output(offset=offset)).chunks:
                _show(chunk)

    with_existing(url, kind, key, show)


def _show(chunk: OutputChunk) -> None:
    if chunk.dropped_bytes:
        say(f"({chunk.dropped_bytes:,} bytes were dropped here)")
    elif chunk.stream == "stdout":
        write_out(chunk.data)
    else:
        write_err(chunk.data)
