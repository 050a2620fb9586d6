"""What calls about cron jobs give. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from hatchway.vm.cron_job import Overlap


@dataclass(frozen=True, slots=True)
class CronRun:
    """One run of a cron job. Times are aware, in UTC."""

    started_at: datetime
    ended_at: datetime | None
    """None: it runs, or its server ended before it."""
    exit_code: int | None
    """None: a signal ended it, or it has not ended."""
    signal: int | None
    """The number of the signal that ended it."""
    timed_out: bool
    """Whether it was killed because its time was up."""
    output: str = field(repr=False)
    """The last lines it wrote, stdout and stderr as they came."""
    error: str | None
    """Why the command did not run, or not to its end."""


@dataclass(frozen=True, slots=True)
class CronJob:
    """A command that is run in a VM at set times. Times are aware, in UTC."""

    id: str
    schedule: str
    time_zone: str
    command: str | tuple[str, ...]
    """Text is run by a shell; the words of a program and its arguments are not."""
    overlap: Overlap
    cwd: str | None
    timeout: float | None
    created_at: datetime
    next_run_at: datetime | None
    """None: its schedule has no time within fifty years."""
    running: int
    """How many runs are under way."""
    queued: int
    """How many wait for it."""
    runs: int
    """How many were begun."""
    skipped: int
    """How many were not, because too many were under way or waited."""
    last_run: CronRun | None
    """The one begun last."""
