"""The options that several commands have, and how a command talks to a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from hatchway.client import Agent, AsyncClient
from hatchway.client.aio.client import DEFAULT_URL
from hatchway.vm.key import unformat_key

T = TypeVar("T")

KeyArgument = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help="The VM's key; the parts of a list are joined by /, as in team/agent."
    ),
]
UrlOption = Annotated[
    str, typer.Option("--url", envvar="HATCHWAY_URL", help="The server; HATCHWAY_TOKEN holds its API token.")
]
KindOption = Annotated[str, typer.Option("--kind", help="The kind of VM, as named in the server's registry.")]

DEFAULT_KIND = "vm"

__all__ = ["DEFAULT_KIND", "DEFAULT_URL", "KeyArgument", "KindOption", "UrlOption", "with_agent"]


def with_agent(url: str, kind: str, key: str, action: Callable[[Agent], Awaitable[T]]) -> T:
    """Run `action` with the VM of `key` on the server at `url`."""

    async def run() -> T:
        async with AsyncClient(url) as client:
            return await action(client.kind(kind).get_or_create(list(unformat_key(key))))

    return asyncio.run(run())
