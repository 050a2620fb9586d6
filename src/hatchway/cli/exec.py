"""`hatchway exec KEY -- COMMAND…`: run a command in a VM."""

from __future__ import annotations

import asyncio
import shlex
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
from hatchway.cli.streams import read_in, write_err, write_out
from hatchway.cli.terminal import say
from hatchway.client import Agent, ExecResult, Process
from hatchway.errors import HatchwayError, NotFound

_NOBODY_READS = {"stdin_closed", "process_ended", "process_not_found"}
"""What is said to whoever writes to a command that has closed its input, or has ended: its exit code says the rest."""


def run_command(
    key: KeyArgument,
    command: CommandArgument,
    env: EnvOption = None,
    cwd: CwdOption = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", "-i", help="Pass on what comes on standard input, as it comes.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="Kill the command after this time.")
    ] = None,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Run a command in a VM, with its output as it comes, and exit as it does.

    The command is run without a shell; for pipes and the like: hatchway exec KEY -- sh -c 'ls | wc -l'

    It is killed if this ends before it does: by Ctrl-C, or because nobody reads its output any more.
    """
    variables = environment(env)

    async def run(agent: Agent) -> ExecResult:
        feeding: list[asyncio.Task[None]] = []
        failures: list[HatchwayError] = []

        async def feed(pid: int) -> None:
            try:
                await _feed(agent.process(pid))
            except HatchwayError as error:
                failures.append(error)
                running.cancel()  # which kills it: half of its input is not what it was to have

        running = asyncio.create_task(
            agent.exec(
                command,
                env=variables,
                cwd=cwd,
                timeout=timeout,
                on_stdout=write_out,
                on_stderr=write_err,
                on_start=(lambda pid: feeding.append(asyncio.create_task(feed(pid)))) if stdin else None,
            )
        )
        try:
            return await running
        except asyncio.CancelledError:
            if not failures:
                raise
            raise failures[0] from None
        finally:
            for task in feeding:
                task.cancel()
            await asyncio.gather(*feeding, return_exceptions=True)

    try:
        result = with_agent(url, kind, key, run)
    except NotFound as error:
        if error.code != "command_not_found" or not any(map(str.isspace, command[0])):
            raise
        hint = f"a line for a shell is run by: hatchway exec {key} -- sh -c {shlex.quote(command[0])}"
        raise NotFound(error.code, error.message, hint) from None
    if result.timed_out:
        say(f"killed after {timeout:g} s")
    raise typer.Exit(result.exit_code)


async def _feed(process: Process) -> None:
    """Pass standard input on to a command, until either ends."""
    try:
        async for piece in read_in():
            await process.write_stdin(piece)
        await process.close_stdin()
    except HatchwayError as error:
        if error.code not in _NOBODY_READS:
            raise
