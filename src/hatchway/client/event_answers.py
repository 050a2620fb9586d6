"""What following a VM gives: events, and shells. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from hatchway.errors import NotFound


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a VM: `event["pid"]` is what is said of it by that name."""

    kind: str
    """`vm_booted`, `vm_paused`, `vm_resumed`, `vm_shutdown` (`reason`); `process_output` (`pid`, `stream`, and `data`),
    `process_exit` (`pid`, `exit_code`, `signal`); `port_opened`, `port_closed` (`port`); `service_state` (`service`,
    `state`, `last_words`); `shell_data` (`shell_id`, and `data`), `shell_exit` (`shell_id`, `exit_code`, `signal`).

    `missed`: events that are kept no more (`count`; None: nobody knows, the server has been started anew)."""
    cursor: str
    """Where to go on behind it."""
    at: datetime | None
    """When, aware, in UTC; None for `missed`."""
    fields: Mapping[str, Any] = field(repr=False)
    """All that is said of it, by name, but for `data`."""
    data: bytes = field(default=b"", repr=False)
    """What was printed. Pieces end anywhere, also inside a character."""

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    @property
    def text(self) -> str:
        """The data as UTF-8; what is no UTF-8 is replaced by U+FFFD."""
        return self.data.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class ShellInfo:
    """A shell that was opened in a VM."""

    shell_id: str
    command: tuple[str, ...]
    """The program and its arguments."""
    pid: int
    """As the VM's own process tree numbers it."""
    state: Literal["running", "exited"]
    exit_code: int | None
    """None while it runs, and when a signal ended it."""
    signal: int | None
    """The number of the signal that ended it, else None."""
    cols: int
    """The width of its terminal, in characters."""
    rows: int
    """Its height."""
    started_at: datetime
    """Aware, in UTC."""


def shell_lost() -> NotFound:
    """The error for a shell of whose end nothing is known."""
    return NotFound(
        "shell_not_found",
        "the shell is gone: its VM has slept since, or the server was started anew",
        "open another",
    )
