"""`hatchway ls KEY [PATH]`: what is in a folder of a VM.

Names are bytes, and written as they are, but for a terminal, which a name could steer, and JSON, which holds text.
"""

from __future__ import annotations

import asyncio
import base64
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.text import Text

from hatchway.cli.completion import complete_path
from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    JsonOption,
    KeyArgument,
    KindOption,
    UrlOption,
    with_existing,
)
from hatchway.cli.streams import write_out
from hatchway.cli.tables import moment, show_json, show_list
from hatchway.cli.terminal import out
from hatchway.cli.vm_paths import joined
from hatchway.client import Agent, DirEntry, FileStat
from hatchway.errors import NotFound
from hatchway.printable import printable

AT_ONCE = 16
"""How many files are asked about at the same time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    path: str
    """Relative to the folder; what is no UTF-8 in it is a surrogate (PEP 383)."""
    type: str
    size: int
    status: FileStat | None = None


def ls(
    key: KeyArgument,
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="A folder or file, by default the home folder /home/user.",
            autocompletion=complete_path,
        ),
    ] = ".",
    long: Annotated[
        bool, typer.Option("--long", "-l", help="Also the permissions, size in bytes and time of change.")
    ] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-R", help="Also what is in the folders in it.")
    ] = False,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """List a folder of a VM: a name on each line, links not followed.

    With --long, elsewhere than on a terminal, the fields are separated by tabs; the name is the last.
    """
    entries = with_existing(
        url, kind, key, lambda agent: _entries(agent, path, long=long, recursive=recursive)
    )
    if as_json:
        show_json([_as_json(entry) for entry in entries])
    elif not sys.stdout.isatty():
        write_out(b"".join(_line(entry) for entry in entries))
    elif long:
        show_list(("MODE", "SIZE", "CHANGED", "NAME"), map(_row, entries), nothing="", numbers={"SIZE"})
    else:
        for entry in entries:
            out().print(_name(entry))


async def _entries(agent: Agent, path: str, *, long: bool, recursive: bool) -> list[Entry]:
    status = await agent.stat(path, follow=not long or path.endswith("/"))
    if status.type != "directory":
        return [Entry(path, status.type, status.size, status if long else None)]
    found = await agent.readdir_recursive(path, max_depth=None if recursive else 1)
    entries = [Entry(each.path, each.type, each.size) for each in sorted(found, key=_place)]
    return await _with_status(agent, path, entries) if long else entries


async def _with_status(agent: Agent, folder: str, entries: Sequence[Entry]) -> list[Entry]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(entry: Entry) -> Entry | None:
        async with turns:
            try:
                status = await agent.stat(joined(folder, entry.path), follow=False)
            except NotFound:
                return None  # gone meanwhile
        return Entry(entry.path, status.type, status.size, status)

    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(look(entry)) for entry in entries]
    return [entry for each in looks if (entry := each.result()) is not None]


def _place(entry: DirEntry) -> list[bytes]:
    """Where an entry stands: in the order of the bytes of its names, a folder before what is in it."""
    return os.fsencode(entry.path).split(b"/")


def _mode(status: FileStat) -> str:
    kinds = {"directory": stat.S_IFDIR, "file": stat.S_IFREG, "symlink": stat.S_IFLNK}
    return stat.filemode(kinds.get(status.type, 0) | status.mode)


def _line(entry: Entry) -> bytes:
    name = os.fsencode(entry.path) + b"\n"
    if entry.status is None:
        return name
    fields = (_mode(entry.status), str(entry.size), moment(entry.status.modified_at))
    return b"\t".join([*(field.encode() for field in fields), name])


def _row(entry: Entry) -> tuple[str, ...]:
    assert entry.status is not None
    leads = f" -> {entry.status.target}" if entry.status.target is not None else ""
    return (_mode(entry.status), str(entry.size), moment(entry.status.modified_at), entry.path + leads)


def _name(entry: Entry) -> Text:
    text = printable(entry.path, one_line=True)
    return Text(f"{text}/", style="bold blue") if entry.type == "directory" else Text(text)


def _as_json(entry: Entry) -> dict[str, Any]:
    fields: dict[str, Any] = {**_json_text("path", entry.path), "type": entry.type, "size": entry.size}
    status = entry.status
    if status is not None:
        fields |= {
            "mode": f"{status.mode:04o}",
            "uid": status.uid,
            "gid": status.gid,
            "modified_at": moment(status.modified_at),
        }
        if status.target is not None:
            fields |= _json_text("target", status.target)
    return fields


def _json_text(name: str, value: str) -> dict[str, str]:
    """A path in JSON, and its bytes beside it where it is no UTF-8, as the control API has it."""
    data = os.fsencode(value)
    text = data.decode(errors="replace")
    if text.encode() == data:
        return {name: text}
    return {name: text, f"{name}_base64": base64.b64encode(data).decode()}
