"""`hatchway exec KEY -- COMMAND…`: run a command in a VM."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    CommandArgument,
    CwdOption,
    EnvOption,
    KeyArgument,
    KindOption,
    UrlOption,
    environment,
    with_agent,
)
from hatchway.cli.streams import write_err, write_out
from hatchway.cli.terminal import say
from hatchway.client import Agent, ExecResult


def run_command(
    key: KeyArgument,
    command: CommandArgument,
    env: EnvOption = None,
    cwd: CwdOption = None,
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
    variables = environment(env)
    given = sys.stdin.buffer.read() if stdin else None

    async def run(agent: Agent) -> ExecResult:
        return await agent.exec(
            command,
            env=variables,
            cwd=cwd,
            stdin=given,
            timeout=timeout,
            on_stdout=write_out,
            on_stderr=write_err,
        )

    result = with_agent(url, kind, key, run)
    if result.timed_out:
        say(f"killed after {timeout:g} s")
    raise typer.Exit(result.exit_code)
