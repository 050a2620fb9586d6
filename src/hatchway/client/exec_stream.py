"""The lines that a running command's output comes as (`application/x-ndjson`). Pure.

`{"stream":"stdout","data":"<base64>"}` as it happens, then `{"exit_code":0,"signal":null,"timed_out":false}`
or `{"error":…}` with a `Problem`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from hatchway.client.problems import UNREADABLE, Problem
from hatchway.errors import HatchwayError


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


Event = Output | Exit | Failure


class _Line(msgspec.Struct):
    stream: Literal["stdout", "stderr"] | None = None
    data: bytes = b""
    exit_code: int | msgspec.UnsetType | None = msgspec.UNSET
    signal: int | None = None
    timed_out: bool = False
    error: Problem | None = None


class EventParser:
    """Takes bytes in any pieces and gives the events that are complete."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes.

        Raises:
            HatchwayError: `unexpected_answer` for a line that is none of the three.
        """
        head, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._rest.append(data)
            return []
        complete = b"".join([*self._rest, head])
        self._rest = [rest]
        return [parse_line(line) for line in complete.split(b"\n") if line.strip()]


def parse_line(line: bytes) -> Event:
    """One line as an event, or `HatchwayError` `unexpected_answer`."""
    try:
        fields = msgspec.json.decode(line, type=_Line)
    except UNREADABLE:
        fields = _Line()
    if fields.error is not None:
        return Failure(fields.error)
    if fields.stream is not None:
        return Output(fields.stream, fields.data)
    if not isinstance(fields.exit_code, msgspec.UnsetType):
        return Exit(fields.exit_code, fields.signal, fields.timed_out)
    raise HatchwayError(
        "unexpected_answer",
        "the server sent a line of output that cannot be read",
        "check that client and server have the same version",
    )
