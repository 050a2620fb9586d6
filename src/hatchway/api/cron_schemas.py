"""The bodies about cron jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from hatchway.api.process_schemas import MAX_TIMEOUT_SECONDS
from hatchway.api.schemas import Answer, Body, Environment, Program, Words, WorkingDirectory, timestamp
from hatchway.vm import cron_job as records
from hatchway.vm.cron_job import CronJobInfo, Overlap
from hatchway.vm.cron_schedule import ALIASES, MAX_CHARACTERS


class ScheduleCron(Body):
    """A command, and when it is run."""

    schedule: Annotated[
        str,
        Meta(
            description=f"Five fields as in crontab(5), such as `*/5 * * * *`, or one of {', '.join(ALIASES)}.",
            extra_json_schema={"maxLength": MAX_CHARACTERS},
        ),
    ]
    command: Annotated[
        Program | Words,
        Meta(
            description="Text is run by /bin/sh -c; a list is a program and its arguments, without a shell."
        ),
    ]
    id: Annotated[
        str | None,
        Meta(
            description="By which it is cancelled. The job that has it already is replaced. By default one is made.",
            extra_json_schema={"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
        ),
    ] = None
    time_zone: Annotated[
        str, Meta(description="A name of the IANA database: whose clocks the schedule means.")
    ] = "UTC"
    overlap: Annotated[
        Overlap,
        Meta(
            description="What happens when it is time and the job still runs: `skip` leaves that time out, `queue` runs"
            " it afterwards, `allow` runs it beside."
        ),
    ] = "skip"
    env: Environment = msgspec.field(default_factory=dict)
    cwd: WorkingDirectory = None
    timeout: Annotated[
        Annotated[float, Meta(gt=0, le=MAX_TIMEOUT_SECONDS)] | None,
        Meta(description="Seconds after which a run is killed; null: never."),
    ] = None


class CronRun(Answer, frozen=True):
    """One run of a cron job."""

    started_at: datetime
    ended_at: Annotated[
        datetime | None, Meta(description="Null while it runs, and if its server ended before it.")
    ]
    exit_code: Annotated[
        int | None, Meta(description="Null when a signal ended it, and if it has not ended.")
    ]
    signal: int | None
    timed_out: bool
    output: Annotated[str, Meta(description="The last lines it wrote, stdout and stderr as they came.")]
    error: Annotated[str | None, Meta(description="Why the command did not run, or not to its end.")]

    @classmethod
    def of(cls, run: records.CronRun) -> CronRun:
        """The answer for a record."""
        return cls(
            timestamp(run.started_at),
            None if run.ended_at is None else timestamp(run.ended_at),
            run.exit_code,
            run.signal,
            run.timed_out,
            run.output,
            run.error,
        )


class CronJob(Answer, frozen=True):
    """A cron job, and how it is. Its environment is not told: it may hold secrets."""

    id: str
    schedule: str
    time_zone: str
    command: str | list[str]
    overlap: Overlap
    cwd: str | None
    timeout: float | None
    created_at: datetime
    next_run_at: Annotated[
        datetime | None, Meta(description="Null: its schedule has no time within fifty years.")
    ]
    running: Annotated[int, Meta(description="How many runs are under way.")]
    queued: Annotated[int, Meta(description="How many wait for it.")]
    runs: Annotated[int, Meta(description="How many were begun.")]
    skipped: Annotated[int, Meta(description="How many were not, because too many were under way or waited.")]
    last_run: Annotated[CronRun | None, Meta(description="The one begun last.")]

    @classmethod
    def of(cls, info: CronJobInfo) -> CronJob:
        """The answer for a record."""
        job = info.job
        return cls(
            job.id,
            job.schedule,
            job.time_zone,
            job.command,
            job.overlap,
            job.cwd,
            job.timeout,
            timestamp(info.created_at),
            None if info.next_run_at is None else timestamp(info.next_run_at),
            info.running,
            info.queued,
            info.runs,
            info.skipped,
            None if info.last_run is None else CronRun.of(info.last_run),
        )


class CronJobs(Answer, frozen=True):
    """The cron jobs of a VM, by id."""

    jobs: list[CronJob]


class Cancelled(Answer, frozen=True):
    """Whether there was such a job."""

    cancelled: bool
