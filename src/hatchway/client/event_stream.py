"""The messages of the events WebSocket, and how it is asked for. Pure.

`{"cursor":"1f2e3d4c-7","event":"process_exit","at":"2030-01-02T03:04:05Z","pid":5,"exit_code":0,"signal":null}`; `data`
is base64. `caught_up` follows what was kept, `missed` stands for what is not, `error` answers an action.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from hatchway.client.event_answers import Event
from hatchway.client.parameters import encode_json, size_body
from hatchway.client.problems import UNREADABLE, Problem
from hatchway.errors import HatchwayError, InvalidRequest

CAUGHT_UP = "caught_up"
START = "start"
"""The cursor in front of all that is kept."""


class Failure(msgspec.Struct, frozen=True):
    """An action that was refused."""

    error: Problem
    shell_id: str | None = None


def parse_message(text: str | bytes) -> Event | Failure:
    """One message, or `HatchwayError` `unexpected_message`."""
    try:
        fields: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
        kind = fields.pop("event", None)
        if kind == "error":
            return msgspec.convert(fields, Failure)
        cursor, at, data = fields.pop("cursor", None), fields.pop("at", None), fields.pop("data", "")
        if not (isinstance(kind, str) and isinstance(cursor, str) and isinstance(data, str)):
            raise _unreadable()
        when = None if at is None else msgspec.convert(at, datetime).astimezone(UTC)
        return Event(kind, cursor, when, fields, base64.b64decode(data, validate=True))
    except (
        *UNREADABLE,
        ValueError,
        OverflowError,
    ):  # binascii.Error and a time without a zone are ValueErrors
        raise _unreadable() from None


def events_query(cursor: object, kinds: Iterable[str] | None) -> str:
    """`?cursor=…&kinds=…`; or `InvalidRequest` `invalid_cursor` or `invalid_kinds`."""
    if cursor is not None and not isinstance(cursor, str):
        raise InvalidRequest(
            "invalid_cursor", f"a cursor must be text, not {type(cursor).__name__}", "give that of an event"
        )
    given = [] if cursor is None else [f"cursor={_quoted(cursor)}"]
    if kinds is not None:
        # One text is an iterable of texts too, but never what was meant.
        names = [kinds] if isinstance(kinds, str) else list(kinds)
        if not all(isinstance(name, str) for name in names):
            raise InvalidRequest("invalid_kinds", "kinds must be names of events")
        given.append(f"kinds={_quoted(','.join(names))}")
    return f"?{'&'.join(given)}" if given else ""


def write_action(shell_id: str, data: bytes) -> str:
    """The message that types into a shell."""
    return _action({"action": "write_shell", "shell_id": shell_id, "data": base64.b64encode(data).decode()})


def resize_action(shell_id: str, cols: object, rows: object) -> str:
    """The message that gives a shell's terminal another size; or `InvalidRequest` `invalid_size`."""
    return _action({"action": "resize_shell", "shell_id": shell_id, **size_body(cols, rows)})


def _action(message: dict[str, Any]) -> str:
    return encode_json(message).decode()


def _quoted(text: str) -> str:
    return quote(text, safe=",", errors="replace")


def _unreadable() -> HatchwayError:
    return HatchwayError(
        "unexpected_message",
        "a message about events cannot be read",
        "check that client and server have the same version",
    )
