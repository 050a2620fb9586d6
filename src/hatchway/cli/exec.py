"""`hatchway exec KEY -- COMMAND…`: run a command in a VM."""

from __future__ import annotations

import sys
from typing import Annotated, BinaryIO

import typer

from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    KeyArgument,
    KindOption,
    UrlOption,
    with_agent,
)
from hatchway.cli.terminal import say
from hatchway.client import Agent, ExecResult


def run_command(
    key: KeyArgument,
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND", help="The program and its arguments; put -- before them."),
    ],
    env: Annotated[
        list[str] | None, typer.Option("--env", "-e", metavar="NAME=VALUE", help="Added to the environment.")
    ] = None,
    cwd: Annotated[
        str | None, typer.Option("--cwd", help="The working directory, by default /home/user.")
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", "-i", help="Pass on what comes on standard input.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="Kill the command after this time.")
    ] = None,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Run a command in a VM, with its output as it comes, and exit as it does.

    The command is run without a shell; for pipes and the like: hatchway exec KEY -- sh -c 'ls | wc -l'
    """
    environment = dict(_variable(text) for text in env or ())
    given = sys.stdin.buffer.read() if stdin else None

    async def run(agent: Agent) -> ExecResult:
        return await agent.exec(
            command,
            env=environment,
            cwd=cwd,
            stdin=given,
            timeout=timeout,
            on_stdout=_writer(sys.stdout.buffer),
            on_stderr=_writer(sys.stderr.buffer),
        )

    result = with_agent(url, kind, key, run)
    if result.timed_out:
        say(f"killed after {timeout:g} s")
    raise typer.Exit(result.exit_code)


def _variable(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not name or not mark:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--env")
    return name, value


class _writer:  # noqa: N801 - used as a function
    """Writes pieces as they come: bytes, in no way decoded."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __call__(self, data: bytes) -> None:
        self._stream.write(data)
        self._stream.flush()
