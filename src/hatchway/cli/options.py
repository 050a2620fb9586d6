"""The options that several commands have, and how a command talks to a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer
import typer.core

from hatchway.cli.completion import complete_key, complete_path
from hatchway.cli.running import run
from hatchway.client import Agent, AsyncClient
from hatchway.client.aio.client import DEFAULT_TIMEOUT, DEFAULT_URL
from hatchway.vm.key import unformat_key

T = TypeVar("T")

KeyArgument = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="The VM's key; the parts of a list are joined by /, as in team/agent.",
        autocompletion=complete_key,
    ),
]
UrlOption = Annotated[
    str, typer.Option("--url", envvar="HATCHWAY_URL", help="The server; HATCHWAY_TOKEN holds its API token.")
]
KindOption = Annotated[str, typer.Option("--kind", help="The kind of VM, as named in the server's registry.")]

PathsArgument = Annotated[
    list[str],
    typer.Argument(metavar="PATH", help="Absolute, or relative to /home/user.", autocompletion=complete_path),
]
PidArgument = Annotated[
    int, typer.Argument(metavar="PID", min=1, help="As hatchway spawn and hatchway ps tell it.")
]
CommandArgument = Annotated[
    list[str],
    typer.Argument(metavar="COMMAND", help="The program and its arguments; put -- before them."),
]
EnvOption = Annotated[
    list[str] | None,
    typer.Option("--env", "-e", metavar="NAME=VALUE", help="Added to the environment; may be repeated."),
]
CwdOption = Annotated[str | None, typer.Option("--cwd", help="The working directory, by default /home/user.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DEFAULT_KIND = "vm"

__all__ = [
    "DEFAULT_KIND",
    "DEFAULT_URL",
    "CommandArgument",
    "CwdOption",
    "EnvOption",
    "JsonOption",
    "KeyArgument",
    "KindOption",
    "PathsArgument",
    "PidArgument",
    "RunsACommand",
    "UrlOption",
    "environment",
    "with_agent",
    "with_client",
    "with_existing",
]


class RunsACommand(typer.core.TyperCommand):
    """A command whose arguments are another command, whose options are easily taken for its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            # Of a class that typer does not export.
            if type(error).__name__ == "NoSuchOption" and "--" not in args:
                vars(error)["message"] = f"{error}. What belongs to the command in the VM goes behind --"
            raise


def environment(texts: Sequence[str] | None) -> dict[str, str]:
    """The variables that `--env` gives. Pure.

    Raises:
        typer.BadParameter: for what is not NAME=VALUE.
    """
    variables = {}
    for text in texts or ():
        name, mark, value = text.partition("=")
        if not name or not mark:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--env")
        variables[name] = value
    return variables


def with_client(
    url: str,
    action: Callable[[AsyncClient], Awaitable[T]],
    *,
    timeout: float | None = DEFAULT_TIMEOUT,
) -> T:
    """Run `action` with a client of the server at `url`.

    Args:
        url: where the server is.
        action: what is to be done.
        timeout: seconds that a call may go without any progress; None: for ever.
    """

    async def act() -> T:
        async with AsyncClient(url, timeout=timeout) as client:
            return await action(client)

    return run(act())


def with_agent(url: str, kind: str, key: str, action: Callable[[Agent], Awaitable[T]]) -> T:
    """Run `action` with the VM of `key` on the server at `url`; it is made if there is none."""

    async def act(client: AsyncClient) -> T:
        return await action(client.kind(kind).get_or_create(unformat_key(key)))

    return with_client(url, act)


def with_existing(
    url: str,
    kind: str,
    key: str,
    action: Callable[[Agent], Awaitable[T]],
    *,
    timeout: float | None = DEFAULT_TIMEOUT,
) -> T:
    """As `with_agent`, with a VM that must be there: what only looks makes none, so that a mistyped key is told.

    Raises:
        NotFound: `vm_not_found`.
    """

    async def act(client: AsyncClient) -> T:
        return await action(await client.kind(kind).get(unformat_key(key)))

    return with_client(url, act, timeout=timeout)
