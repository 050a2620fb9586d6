"""`hatchway cat KEY PATH…`: the content of files in a VM."""

from __future__ import annotations

import typer

from hatchway.cli.each import for_each
from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    KeyArgument,
    KindOption,
    PathsArgument,
    UrlOption,
    with_existing,
)
from hatchway.cli.streams import write_out
from hatchway.client import Agent


def cat(
    key: KeyArgument,
    paths: PathsArgument,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Print files of a VM, one after the other: their bytes, as they come."""

    async def show(agent: Agent) -> int:
        async def print_file(path: str) -> None:
            async for chunk in agent.stream_file(path):
                write_out(chunk)

        return await for_each(paths, print_file)

    raise typer.Exit(with_existing(url, kind, key, show))
