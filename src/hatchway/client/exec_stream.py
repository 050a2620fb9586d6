"""The lines that a running command's output comes as (`application/x-ndjson`). Pure.

`{"pid":7}` if its standard input is open, `{"stream":"stdout","data":"<base64>"}` as it happens, then
`{"exit_code":0,"signal":null,"timed_out":false}` or `{"error":…}` with a `Problem`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from hatchway.client.lines import LineParser, read_line, unreadable_line
from hatchway.client.problems import Problem


class Started(msgspec.Struct, frozen=True):
    """A command has begun whose standard input is open."""

    pid: int


class Output(msgspec.Struct, frozen=True):
    """A piece of output. Pieces end anywhere, also inside a character."""

    stream: Literal["stdout", "stderr"]
    data: bytes


class Exit(msgspec.Struct, frozen=True):
    """The end of the command."""

    exit_code: int | None
    signal: int | None
    timed_out: bool


class Failure(msgspec.Struct, frozen=True):
    """What kept the command from its end."""

    error: Problem


Event = Started | Output | Exit | Failure


class _Line(msgspec.Struct):
    pid: int | None = None
    stream: Literal["stdout", "stderr"] | None = None
    data: bytes = b""
    exit_code: int | msgspec.UnsetType | None = msgspec.UNSET
    signal: int | None = None
    timed_out: bool = False
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
    if fields.stream is not None:
        return Output(fields.stream, fields.data)
    if not isinstance(fields.exit_code, msgspec.UnsetType):
        return Exit(fields.exit_code, fields.signal, fields.timed_out)
    if fields.pid is not None:
        return Started(fields.pid)
    raise unreadable_line()
