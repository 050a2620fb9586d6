"""The lines that the output of a spawned process comes as. Pure.

`{"stream":"stdout","offset":0,"data":"<base64>"}` for what is kept, `{"dropped_bytes":5,"offset":5}` for what is not,
and last `{"next_offset":9,"state":"exited","exit_code":0,"signal":null}` or `{"error":…}` with a `Problem`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from hatchway.client.lines import LineParser, read_line, unreadable_line
from hatchway.client.problems import Problem
from hatchway.client.process_answers import OutputChunk


class End(msgspec.Struct, frozen=True):
    """Where the output ends."""

    next_offset: int
    state: Literal["running", "exited"]
    exit_code: int | None = None
    signal: int | None = None


class Failure(msgspec.Struct, frozen=True):
    """What kept the output from its end."""

    error: Problem


Event = OutputChunk | End | Failure


class _Line(msgspec.Struct):
    offset: int | None = None
    stream: Literal["stdout", "stderr"] | None = None
    data: bytes | None = None
    dropped_bytes: int | None = None
    next_offset: int | None = None
    state: Literal["running", "exited"] | None = None
    exit_code: int | None = None
    signal: int | None = None
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
    if fields.next_offset is not None and fields.state is not None:
        return End(fields.next_offset, fields.state, fields.exit_code, fields.signal)
    if fields.offset is not None and fields.stream is not None and fields.data is not None:
        return OutputChunk(fields.offset, fields.stream, fields.data)
    if fields.offset is not None and fields.dropped_bytes is not None:
        return OutputChunk(fields.offset, None, b"", fields.dropped_bytes)
    raise unreadable_line()
