"""`hatchway shell KEY`: a terminal in a VM."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from hatchway.cli.escape import EscapeFilter
from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    CwdOption,
    EnvOption,
    KeyArgument,
    KindOption,
    UrlOption,
    environment,
    with_agent,
)
from hatchway.cli.raw_terminal import own_terminal, raw, size_of
from hatchway.cli.streams import read_in, write_out
from hatchway.cli.terminal import say
from hatchway.client import Agent, Shell

LEFT = 255
"""The exit code when the user has left it, as of ssh."""


def shell(
    key: KeyArgument,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]...", help="The program and its arguments, by default bash; put -- before them."
        ),
    ] = None,
    env: EnvOption = None,
    cwd: CwdOption = None,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Open a terminal in a VM, and exit as its program does. The VM stays awake meanwhile.

    Every key goes there, Ctrl-C too. If it does not answer any more: Enter, then ~ and a dot end it from this side.
    """
    terminal = own_terminal()
    variables = {"TERM": os.environ.get("TERM") or "xterm-256color"} | environment(env)

    async def use(agent: Agent) -> int:
        cols, rows = size_of(terminal)
        program, arguments = (command[0], command[1:]) if command else (None, [])
        opened = await agent.open_shell(program, arguments, env=variables, cwd=cwd, cols=cols, rows=rows)
        async with opened:
            with raw(terminal):
                await _first_of(_show(opened), _type(opened), _resize(opened, terminal))
        if opened.missed_events:
            say(f"({opened.missed_events:,} events were missed: this terminal was too slow)")
        return LEFT if opened.exit_code is None else opened.exit_code

    raise typer.Exit(with_agent(url, kind, key, use))


async def _first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _show(opened: Shell) -> None:
    async for data in opened:
        write_out(data)


async def _type(opened: Shell) -> None:
    """Pass on what is typed, until the user leaves or the terminal is gone."""
    escape = EscapeFilter()
    async for data in read_in():
        passed = escape.feed(data)
        if passed:
            await opened.write(passed)
        if escape.left:
            return


async def _resize(opened: Shell, terminal: int) -> None:
    """Have the terminal in the VM be as large as the user's own, whenever that changes."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGWINCH, changed.set)
    try:
        while True:
            await changed.wait()
            changed.clear()
            await opened.resize(*size_of(terminal))
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)
