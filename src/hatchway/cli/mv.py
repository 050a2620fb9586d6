"""`hatchway mv KEY FROM TO`: move or rename a file or folder within a VM."""

from __future__ import annotations

from typing import Annotated

import typer

from hatchway.cli.completion import complete_path
from hatchway.cli.options import DEFAULT_KIND, DEFAULT_URL, KeyArgument, KindOption, UrlOption, with_existing
from hatchway.cli.vm_paths import into
from hatchway.client import Agent


def mv(
    key: KeyArgument,
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="What is moved.", autocompletion=complete_path)
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TO", help="Its new path, or the folder it is moved into.", autocompletion=complete_path
        ),
    ],
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Move or rename a file or folder within a VM. A file that is there already is replaced."""

    async def move(agent: Agent) -> None:
        await agent.move(source, await into(agent, target, source))

    with_existing(url, kind, key, move)
