"""Cron jobs: commands that are run in a VM at set times; and whether one may run while it still runs. Pure."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Literal

from hatchway.errors import InvalidRequest

Overlap = Literal["allow", "skip", "queue"]
"""What happens when it is time and the job still runs."""

MAX_BYTES = 64 * 1024
"""Of a job's command and environment."""
MAX_QUEUED = 10
"""How many runs of a job with overlap `queue` wait."""
MAX_RUNNING = 16
"""How many runs are under way in one VM."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class CronJob:
    """A command, and when it is run."""

    id: str
    """Unique in its VM: see `check_job_id`."""
    schedule: str
    """As `hatchway.vm.cron_schedule` reads it."""
    command: str | list[str]
    """A string is run by `/bin/sh -c`; a list is a program and its arguments, run without a shell."""
    time_zone: str = "UTC"
    """A name of the IANA time zone database."""
    overlap: Overlap = "skip"
    env: dict[str, str] = field(default_factory=dict, repr=False)
    """Added to the VM's own environment. It is kept in the server's database, as it must be known at every run."""
    cwd: str | None = None
    """The working directory; None: /home/user."""
    timeout: float | None = None
    """Seconds after which a run is killed; None: never."""


@dataclass(frozen=True, slots=True)
class CronRun:
    """One run of a job."""

    started_at: float
    """Seconds since the epoch."""
    ended_at: float | None = None
    """The same; None: it runs, or its server ended first."""
    exit_code: int | None = None
    """None: a signal ended it, or it has not ended."""
    signal: int | None = None
    timed_out: bool = False
    """Whether it was killed because its time was up."""
    output: str = field(default="", repr=False)
    """The last lines it wrote, stdout and stderr as they came."""
    error: str | None = None
    """Why the command did not run, or not to its end."""


@dataclass(frozen=True, slots=True)
class CronJobInfo:
    """A job, and how it is."""

    job: CronJob
    created_at: float
    """Seconds since the epoch."""
    next_run_at: float | None
    """The same; None: its schedule has no time any more."""
    running: int = 0
    """How many runs are under way."""
    queued: int = 0
    """How many wait for the one under way."""
    runs: int = 0
    """How many were begun, ever."""
    skipped: int = 0
    """How many were not, because too many were under way or waited."""
    last_run: CronRun | None = None
    """The one begun last."""


def check_job(job: CronJob) -> CronJob:
    """The job, if it can be kept.

    Raises:
        InvalidRequest: `invalid_cron_id`, `cron_job_too_large`.
    """
    check_job_id(job.id)
    words = [job.command] if isinstance(job.command, str) else job.command
    if sum(len(text.encode()) for text in (*words, *job.env, *job.env.values())) > MAX_BYTES:
        raise InvalidRequest(
            "cron_job_too_large",
            f"the command and environment of a cron job hold at most {MAX_BYTES} bytes",
            "write a script to a file in the VM, and schedule that",
            status=413,
        )
    return job


def check_job_id(job_id: str) -> str:
    """The id of a cron job, or `InvalidRequest` `invalid_cron_id`."""
    if _ID.fullmatch(job_id) is None:
        raise InvalidRequest(
            "invalid_cron_id",
            "a cron job's id must be 1 to 64 letters, digits, dots, underscores and dashes, and begin with a letter "
            "or digit",
        )
    return job_id


def new_job_id() -> str:
    """An id for a job whose maker gave none."""
    return secrets.token_hex(6)


def what_to_do(
    overlap: Overlap, running: int, queued: int, running_in_vm: int
) -> Literal["start", "queue", "skip"]:
    """What becomes of a run whose time has come.

    Args:
        overlap: as the job has it.
        running: how many runs of the job are under way.
        queued: how many of it wait.
        running_in_vm: how many runs of all jobs of its VM are under way.
    """
    if overlap == "queue" and running:
        return "queue" if queued < MAX_QUEUED else "skip"
    if (overlap == "skip" and running) or running_in_vm >= MAX_RUNNING:
        return "skip"
    return "start"
