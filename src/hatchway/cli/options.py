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

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DEFAULT_KIND = "vm"

__all__ = [
    "DEFAULT_KIND",
    "DEFAULT_URL",
    "JsonOption",
    "KeyArgument",
    "KindOption",
    "UrlOption",
    "with_agent",
    "with_client",
    "with_existing",
]


def with_client(url: str, action: Callable[[AsyncClient], Awaitable[T]]) -> T:
    """Run `action` with a client of the server at `url`."""

    async def run() -> T:
        async with AsyncClient(url) as client:
            return await action(client)

    return asyncio.run(run())


def with_agent(url: str, kind: str, key: str, action: Callable[[Agent], Awaitable[T]]) -> T:
    """Run `action` with the VM of `key` on the server at `url`; it is made if there is none."""

    async def run(client: AsyncClient) -> T:
        return await action(client.kind(kind).get_or_create(list(unformat_key(key))))

    return with_client(url, run)


def with_existing(url: str, kind: str, key: str, action: Callable[[Agent], Awaitable[T]]) -> T:
    """As `with_agent`, with a VM that must be there.

    Raises:
        NotFound: `vm_not_found`.
    """

    async def run(client: AsyncClient) -> T:
        return await action(await client.kind(kind).get(list(unformat_key(key))))

    return with_client(url, run)
