"""`hatchway mkdir KEY PATH…`: make folders in a VM."""

from __future__ import annotations

from typing import Annotated

import typer

from hatchway.cli.each import for_each
from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    KeyArgument,
    KindOption,
    PathsArgument,
    UrlOption,
    with_agent,
)
from hatchway.client import Agent
from hatchway.errors import NotFound


def mkdir(
    key: KeyArgument,
    paths: PathsArgument,
    parents: Annotated[
        bool,
        typer.Option(
            "--parents", "-p", help="Make the folders above it, too; one that is there is no error."
        ),
    ] = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Make folders in a VM."""

    async def make(agent: Agent) -> int:
        async def make_one(path: str) -> None:
            try:
                await agent.mkdir(path, recursive=parents)
            except NotFound as error:
                if error.code != "file_not_found" or parents:
                    raise
                raise NotFound(
                    error.code, "the folder above it is not there", "hatchway mkdir --parents makes it, too"
                ) from None

        return await for_each(paths, make_one)

    raise typer.Exit(with_agent(url, kind, key, make))
