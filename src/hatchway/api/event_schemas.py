"""The messages of the events WebSocket, as JSON text."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hatchway.api.schemas import Answer, Body, Problem, timestamp, unicode_text
from hatchway.api.shell_schemas import Side
from hatchway.vm.event_log import CaughtUp, Event, Missed, Told


class MissedMessage(Answer, frozen=True):
    """Events behind the cursor that are kept no more."""

    cursor: str
    count: int | None
    event: Literal["missed"] = "missed"


class CaughtUpMessage(Answer, frozen=True):
    """What was kept has been told; what follows is new."""

    cursor: str
    event: Literal["caught_up"] = "caught_up"


class ErrorMessage(Answer, frozen=True):
    """An action of the client's was refused. The connection stays."""

    error: Problem
    action: str | None = None
    shell_id: str | None = None
    event: Literal["error"] = "error"


class WriteShell(Body, tag_field="action", tag="write_shell"):
    """Type into a shell."""

    shell_id: str
    data: Annotated[bytes, Meta(description="Base64.")]


class ResizeShell(Body, tag_field="action", tag="resize_shell"):
    """Give a shell's terminal another size."""

    shell_id: str
    cols: Side
    rows: Side


class CloseShell(Body, tag_field="action", tag="close_shell"):
    """End a shell."""

    shell_id: str


Action = WriteShell | ResizeShell | CloseShell
"""What a client may send."""

_ACTION: msgspec.json.Decoder[Action] = msgspec.json.Decoder(Action)


def parse_action(text: str | bytes) -> Action:
    """A client's message. Raises `msgspec.MsgspecError`, UnicodeDecodeError or RecursionError for anything else."""
    return _ACTION.decode(text)


def message(told: Told, epoch: str) -> bytes:
    """A message for what a reader of a log is told.

    Args:
        told: the event, or what stands for some.
        epoch: of the log.
    """
    cursor = f"{epoch}-{told.number}"
    if isinstance(told, Event):
        return msgspec.json.encode(
            {
                "cursor": cursor,
                "event": told.kind,
                "at": timestamp(told.at),
                **{name: _value(value) for name, value in told.data.items()},
            }
        )
    if isinstance(told, CaughtUp):
        return msgspec.json.encode(CaughtUpMessage(cursor))
    assert isinstance(told, Missed)
    return msgspec.json.encode(MissedMessage(cursor, told.count))


def _value(value: object) -> Any:
    if isinstance(value, str):
        return unicode_text(value)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
