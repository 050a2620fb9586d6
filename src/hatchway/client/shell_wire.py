"""The bodies of the control API's answers about shells, as far as the client reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from hatchway.client import event_answers


class OpenedShell(msgspec.Struct):
    """The answer to `POST …/shells`."""

    shell_id: str


class Shell(msgspec.Struct):
    """One entry of `GET …/shells`."""

    shell_id: str
    command: tuple[str, ...]
    pid: int
    state: Literal["running", "exited"]
    exit_code: int | None
    signal: int | None
    cols: int
    rows: int
    started_at: datetime

    def public(self) -> event_answers.ShellInfo:
        """The same as the client's users see it."""
        return event_answers.ShellInfo(
            shell_id=self.shell_id,
            command=self.command,
            pid=self.pid,
            state=self.state,
            exit_code=self.exit_code,
            signal=self.signal,
            cols=self.cols,
            rows=self.rows,
            started_at=self.started_at.astimezone(UTC),
        )


class Shells(msgspec.Struct):
    """The answer to `GET …/shells`."""

    shells: list[Shell]
