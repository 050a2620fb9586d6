"""An answer made of lines of JSON (`application/x-ndjson`), in whatever pieces it comes. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from hatchway.client.problems import UNREADABLE
from hatchway.errors import HatchwayError

T = TypeVar("T")


class LineParser(Generic[T]):
    """Takes bytes in any pieces and gives what the complete lines say.

    Args:
        parse: what one line says.
    """

    def __init__(self, parse: Callable[[bytes], T]) -> None:
        self._parse = parse
        self._rest: list[bytes] = []

    def feed(self, data: bytes) -> list[T]:
        """What the lines say that `data` completes.

        Raises:
            HatchwayError: `unexpected_answer`, by `parse`.
        """
        head, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._rest.append(data)
            return []
        complete = b"".join([*self._rest, head])
        self._rest = [rest]
        return [self._parse(line) for line in complete.split(b"\n") if line.strip()]


def read_line(line: bytes, fields: type[T]) -> T:
    """What a line holds, or `HatchwayError` `unexpected_answer`."""
    try:
        return msgspec.json.decode(line, type=fields)
    except UNREADABLE:
        raise unreadable_line() from None


def unreadable_line() -> HatchwayError:
    """The error for a line that is none of those that it may be."""
    return HatchwayError(
        "unexpected_answer",
        "the server sent a line that cannot be read",
        "check that client and server have the same version",
    )
