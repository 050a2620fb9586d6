"""Cron jobs: what must be run in which VM, and what came of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from hatchway.errors import Conflict
from hatchway.store.database import Database
from hatchway.store.failures import vm_not_found
from hatchway.vm.cron_job import CronJob, CronRun

MAX_JOBS = 100
"""Of one VM."""

_PUT = (
    "INSERT INTO cron_jobs (vm_id, id, spec, created_at)"
    " SELECT id, ?, ?, ? FROM vms WHERE id = ? AND destroyed_at IS NULL"
    " ON CONFLICT (vm_id, id) DO UPDATE SET spec = excluded.spec"
)
_COUNT = "SELECT count(*) FROM cron_jobs WHERE vm_id = ?"
_ALL = "SELECT vm_id, spec, created_at, runs, skipped, last_run FROM cron_jobs ORDER BY vm_id, id"


@dataclass(frozen=True, slots=True)
class CronRow:
    """What is stored of a cron job."""

    vm_id: str
    job: CronJob
    created_at: float
    """Seconds since the epoch."""
    runs: int = 0
    skipped: int = 0
    last_run: CronRun | None = None


class CronJobs:
    """The cron jobs of all VMs.

    Args:
        db: where they are kept.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(
        self, vm_id: str, job: CronJob, now: float, then: Callable[[float], None] = lambda _: None
    ) -> None:
        """Keep a job, in the place of the one of its id, whose past stays; it is on disk when this returns.

        Args:
            vm_id: its VM.
            job: the job.
            now: seconds since the epoch.
            then: called, in the order in which jobs are put and removed, with the time at which one of this id was
                put first.

        Raises:
            NotFound: `vm_not_found`.
            Conflict: `too_many_cron_jobs`.
        """
        text = msgspec.json.encode(job).decode()

        def put(connection: sqlite3.Connection) -> float:
            if connection.execute(_PUT, (job.id, text, now, vm_id)).rowcount != 1:
                raise vm_not_found()
            if connection.execute(_COUNT, (vm_id,)).fetchone()[0] > MAX_JOBS:
                raise Conflict(
                    "too_many_cron_jobs", f"a VM has at most {MAX_JOBS} cron jobs", "cancel some of them"
                )
            found = connection.execute(
                "SELECT created_at FROM cron_jobs WHERE vm_id = ? AND id = ?", (vm_id, job.id)
            )
            return float(found.fetchone()[0])

        await self._db.write(put, then)

    async def remove(self, vm_id: str, job_id: str, then: Callable[[bool], None] = lambda _: None) -> bool:
        """Keep a job no longer, durably. False if there was none. `then` is called with the same, as by `put`."""

        def remove(connection: sqlite3.Connection) -> bool:
            sql = "DELETE FROM cron_jobs WHERE vm_id = ? AND id = ?"
            return connection.execute(sql, (vm_id, job_id)).rowcount == 1

        return await self._db.write(remove, then)

    async def record(
        self, vm_id: str, job_id: str, runs: int, skipped: int, last_run: CronRun | None
    ) -> None:
        """Keep what came of a job so far. One that is not there any more is left so."""
        text = None if last_run is None else msgspec.json.encode(last_run).decode()
        sql = "UPDATE cron_jobs SET runs = ?, skipped = ?, last_run = ? WHERE vm_id = ? AND id = ?"
        await self._db.write(
            lambda connection: connection.execute(sql, (runs, skipped, text, vm_id, job_id)).rowcount
        )

    async def all(self) -> list[CronRow]:
        """The jobs of all VMs."""
        rows = await self._db.read(lambda connection: connection.execute(_ALL).fetchall())
        return [
            CronRow(
                vm_id,
                msgspec.json.decode(spec, type=CronJob),
                created_at,
                runs,
                skipped,
                None if last_run is None else msgspec.json.decode(last_run, type=CronRun),
            )
            for vm_id, spec, created_at, runs, skipped, last_run in rows
        ]
