"""`hatchway service add|list|logs|remove`: programs that are kept running whenever their VM runs."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Annotated

import typer

from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    CommandArgument,
    CwdOption,
    EnvOption,
    JsonOption,
    KeyArgument,
    KindOption,
    RunsACommand,
    UrlOption,
    environment,
    with_agent,
    with_existing,
)
from hatchway.cli.streams import write_out
from hatchway.cli.tables import HOW_LISTS_ARE_PRINTED, show_json, show_list
from hatchway.cli.terminal import say
from hatchway.client import Agent, ServiceInfo

app = typer.Typer(help="Programs that are kept running whenever their VM runs.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The service's name.")]


@app.command(cls=RunsACommand)
def add(
    key: KeyArgument,
    name: NameArgument,
    command: CommandArgument,
    port: Annotated[
        int | None, typer.Option("--port", "-p", metavar="PORT", help="The port that it listens on.")
    ] = None,
    ready: Annotated[
        str | None,
        typer.Option(
            "--ready", metavar="PATH", help="A path on that port that answers well once it is ready."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="How long to wait until it is ready.")
    ] = 30.0,
    env: EnvOption = None,
    cwd: CwdOption = None,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Declare a service, start it, and wait until it is ready.

    It is started again when it ends, and whenever its VM wakes. One of that name is replaced.
    """
    variables = environment(env)

    async def declare(agent: Agent) -> ServiceInfo:
        return await agent.service(
            name, command[0], command[1:], port=port, ready=ready, env=variables, cwd=cwd, timeout=timeout
        )

    info = with_agent(url, kind, key, declare)
    if as_json:
        show_json(asdict(info))
    else:
        say(info.state)


@app.command("list", help=f"List the declared services of a VM. {HOW_LISTS_ARE_PRINTED}")
def show_all(
    key: KeyArgument,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """List the declared services of a VM."""
    services = with_existing(url, kind, key, lambda agent: agent.list_services())
    if as_json:
        show_json([asdict(each) for each in services])
        return
    rows = [
        (
            each.name,
            each.state,
            str(each.port or "-"),
            str(each.pid or "-"),
            str(each.restarts),
            shlex.join(each.command),
        )
        for each in services
    ]
    titles = ("NAME", "STATE", "PORT", "PID", "RESTARTS", "COMMAND")
    show_list(titles, rows, nothing="no service is declared in this VM", numbers={"PORT", "PID", "RESTARTS"})


@app.command()
def logs(
    key: KeyArgument,
    name: NameArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what it writes from now on.")
    ] = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Print what a service has written, and when it started and ended."""

    async def read(agent: Agent) -> None:
        async for piece in agent.logs(name, follow=follow):
            write_out(piece)

    with_existing(url, kind, key, read, timeout=None)


@app.command()
def remove(
    key: KeyArgument, name: NameArgument, kind: KindOption = DEFAULT_KIND, url: UrlOption = DEFAULT_URL
) -> None:
    """Declare a service no longer: it is ended, and its log deleted."""
    removed = with_existing(url, kind, key, lambda agent: agent.remove_service(name))
    say("removed" if removed else "there was no such service")
