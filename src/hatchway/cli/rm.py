"""`hatchway rm KEY PATH…`: delete files and folders of a VM."""

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
    with_existing,
)
from hatchway.cli.vm_paths import last_name
from hatchway.client import Agent
from hatchway.errors import InvalidRequest, NotFound


def rm(
    key: KeyArgument,
    paths: PathsArgument,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Delete folders with all that is in them.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="What is not there is no error.")] = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Delete files, links and empty folders of a VM."""

    async def delete(agent: Agent) -> int:
        async def delete_one(path: str) -> None:
            if path and not last_name(path):  # as rm(1) has it: hardly ever meant, and never undone
                raise InvalidRequest(
                    "invalid_path",
                    "the home folder, the root, . and .. are not deleted",
                    "name what is in it; hatchway vm destroy deletes the whole VM",
                )
            try:
                await agent.delete_file(path, recursive=recursive)
            except NotFound as error:
                if error.code != "file_not_found" or not force:
                    raise

        return await for_each(paths, delete_one)

    raise typer.Exit(with_existing(url, kind, key, delete))
