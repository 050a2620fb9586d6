"""The bodies about shells."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, field

from hatchway.api.schemas import Answer, Body, Environment, Program, Text, WorkingDirectory, timestamp
from hatchway.vm.records import ProcessState, ShellInfo

MAX_SIDE = 65_535
"""Of a terminal: what fits in a `struct winsize` (tty_ioctl(4))."""

Side = Annotated[int, Meta(ge=1, le=MAX_SIDE)]


class OpenShell(Body):
    """A shell to open."""

    command: Annotated[
        Program | None, Meta(description="The program; null: bash, or /bin/sh where the VM has none.")
    ] = None
    args: list[Text] = field(default_factory=list)
    env: Environment = field(default_factory=dict)
    cwd: WorkingDirectory = None
    cols: Annotated[Side, Meta(description="The width of its terminal, in characters.")] = 80
    rows: Annotated[Side, Meta(description="Its height.")] = 24


class Resize(Body):
    """Another size for a terminal, in characters."""

    cols: Side
    rows: Side


class OpenedShell(Answer, frozen=True):
    """A shell was opened."""

    shell_id: str


class Shell(Answer, frozen=True):
    """A shell that was opened in a VM."""

    shell_id: str
    command: list[str]
    pid: int
    state: ProcessState
    exit_code: Annotated[int | None, Meta(description="Null while it runs, and when a signal ended it.")]
    signal: int | None
    cols: int
    rows: int
    started_at: datetime

    @classmethod
    def of(cls, info: ShellInfo) -> Shell:
        """The answer for a record."""
        return cls(
            info.id,
            info.command,
            info.pid,
            info.state,
            info.exit_code,
            info.signal,
            info.cols,
            info.rows,
            timestamp(info.started_at),
        )


class Shells(Answer, frozen=True):
    """The shells of a VM, those that have ended included."""

    shells: list[Shell]


class ShellWritten(Answer, frozen=True):
    """The terminal has taken it all."""

    written: Annotated[int, Meta(description="Bytes.")]
