"""The lines that the list of a folder comes as. Pure.

`{"path":"a/b","type":"file","size":1}` for each entry, with `path_base64` where the path is no UTF-8, and last
`{"end":true,"entries":1,"unreadable":0}` or `{"error":…}` with a `Problem`.
"""

from __future__ import annotations

import os

import msgspec

from hatchway.client.file_answers import DirEntry, FileType
from hatchway.client.lines import LineParser, read_line, unreadable_line
from hatchway.client.problems import Problem


class End(msgspec.Struct, frozen=True):
    """The end of the list."""

    entries: int
    unreadable: int


class Failure(msgspec.Struct, frozen=True):
    """What kept the list from its end."""

    error: Problem


Event = DirEntry | End | Failure


class _Line(msgspec.Struct):
    path: str | None = None
    path_base64: bytes | None = None
    type: FileType | None = None
    size: int = 0
    end: bool = False
    entries: int = 0
    unreadable: int = 0
    error: Problem | None = None


class EventParser(LineParser[Event]):
    """Takes bytes in any pieces and gives the events that are complete."""

    def __init__(self) -> None:
        super().__init__(parse_line)


def parse_line(line: bytes) -> Event:
    """One line as an event, or `HatchwayError` `unexpected_answer`."""
    fields = read_line(line, _Line)
    if fields.error is not None:
        return Failure(fields.error)
    if fields.end:
        return End(fields.entries, fields.unreadable)
    if fields.path is None or fields.type is None:
        raise unreadable_line()
    path = fields.path if fields.path_base64 is None else os.fsdecode(fields.path_base64)
    return DirEntry(path, fields.type, fields.size)
