"""`hatchway ps KEY`: the processes in a VM."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

import typer

from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    JsonOption,
    KeyArgument,
    KindOption,
    UrlOption,
    with_existing,
)
from hatchway.cli.tables import moment, show_json, show_list
from hatchway.client import Agent, ProcessInfo, ProcessNode, SystemProcess

NOTHING = "nothing was spawned in this VM; with --all, every process of it is listed"


def ps(
    key: KeyArgument,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Every process of the VM.")] = False,
    tree: Annotated[
        bool, typer.Option("--tree", help="Every process of the VM, each below the one that started it.")
    ] = False,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """List the programs that were spawned in a VM, ended ones included.

    On a terminal it is a table; elsewhere a line for each, its fields separated by tabs, without a header.
    """

    async def ask(agent: Agent) -> None:
        if tree:
            _show_all(in_tree_order(await agent.process_tree()), as_json=as_json)
        elif everything:
            processes = await agent.all_processes()
            _show_all(((each, _words(each.command)) for each in processes), as_json=as_json)
        else:
            _show_spawned(await agent.list_processes(), as_json=as_json)

    with_existing(url, kind, key, ask)


def _show_spawned(processes: Sequence[ProcessInfo], *, as_json: bool) -> None:
    if as_json:
        show_json(
            [
                {
                    "pid": each.pid,
                    "command": list(each.command),
                    "state": each.state,
                    "exit_code": each.exit_code,
                    "signal": each.signal,
                    "started_at": moment(each.started_at),
                }
                for each in processes
            ]
        )
        return
    rows = [
        (str(each.pid), outcome(each), moment(each.started_at), _words(each.command)) for each in processes
    ]
    show_list(("PID", "STATE", "STARTED", "COMMAND"), rows, nothing=NOTHING, numbers={"PID"})


def _show_all(processes: Iterable[tuple[SystemProcess, str]], *, as_json: bool) -> None:
    """Print processes of the VM, each with what its command is shown as."""
    if as_json:
        show_json([_fields(process) for process, _ in processes])
        return
    rows = [
        (
            str(each.pid),
            str(each.ppid),
            each.state,
            f"{each.memory_bytes / 2**20:.1f}",
            moment(each.started_at),
            words,
        )
        for each, words in processes
    ]
    titles = ("PID", "PARENT", "STATE", "MIB", "STARTED", "COMMAND")
    show_list(titles, rows, nothing=NOTHING, numbers={"PID", "PARENT", "MIB"})


def in_tree_order(roots: Sequence[ProcessNode]) -> Iterator[tuple[SystemProcess, str]]:
    """Each process before its children, and its command with lines that lead to it. Pure."""
    # Not by recursion: a guest makes its tree as deep as it likes.
    waiting = [(root, "", "") for root in reversed(roots)]
    while waiting:
        node, lines, below = waiting.pop()
        yield node.process, lines + _words(node.process.command)
        last = len(node.children) - 1
        for position, child in reversed(list(enumerate(node.children))):
            branch, trunk = ("└─ ", "   ") if position == last else ("├─ ", "│  ")
            waiting.append((child, below + branch, below + trunk))


def _words(command: Sequence[str]) -> str:
    return shlex.join(command)


def outcome(process: ProcessInfo) -> str:
    """Whether a process runs, or how it ended. Pure."""
    if process.signal is not None:
        try:
            return signal.Signals(process.signal).name
        except ValueError:
            return f"signal {process.signal}"
    return process.state if process.exit_code is None else f"{process.state} {process.exit_code}"


def _fields(process: SystemProcess) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "ppid": process.ppid,
        "command": list(process.command),
        "state": process.state,
        "started_at": moment(process.started_at),
        "memory_bytes": process.memory_bytes,
        "spawned": process.spawned,
    }
