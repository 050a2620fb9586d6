"""Runs cron jobs when their time comes: one timer for all of them, and what is known of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from hatchway.errors import HatchwayError, InvalidRequest
from hatchway.server.cron_run import Execute, run_to_its_end
from hatchway.store.cron import CronJobs
from hatchway.vm.cron_job import CronJob, CronJobInfo, CronRun, what_to_do
from hatchway.vm.cron_schedule import Schedule, parse_schedule

MAX_STARTING = 8
"""How many runs wait for their VM to wake at once. A VM that is slow to wake holds up others only among these."""
LONGEST_PAUSE = 60.0
"""Seconds between two looks at the clock, which somebody may set."""

INTERRUPTED = "the server ended before it did"
"""The error of a run that was under way when its server ended."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Entry:
    """One job."""

    vm_id: str
    job: CronJob
    schedule: Schedule | None
    """None: it has no meaning any more, such as when a time zone went out of use."""
    created_at: float
    next_run_at: float | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    queued: int = 0
    runs: int = 0
    skipped: int = 0
    last_run: CronRun | None = None

    def info(self) -> CronJobInfo:
        return CronJobInfo(
            self.job,
            self.created_at,
            self.next_run_at,
            len(self.tasks),
            self.queued,
            self.runs,
            self.skipped,
            self.last_run,
        )


class CronRunner:
    """The cron jobs of all VMs.

    Times that pass while it does not run are not made up for: a job waits for its next time.

    Args:
        jobs: the stored jobs.
        execute: runs a command in a VM, which wakes for it and stays awake as long as it runs.
        clock: seconds since the epoch.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        jobs: CronJobs,
        execute: Execute,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._jobs = jobs
        self._execute = execute
        self._clock = clock
        self._sleep = sleep
        self._vms: dict[str, dict[str, _Entry]] = {}
        self._looked_at = clock()
        self._stopped = False
        self._changed = asyncio.Event()
        self._starting = asyncio.Semaphore(MAX_STARTING)
        self._tasks: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Take up the stored jobs."""
        for row in await self._jobs.all():
            last = row.last_run
            if last is not None and last.ended_at is None and last.error is None:
                last = replace(last, error=INTERRUPTED)
            entry = _Entry(row.vm_id, row.job, _readable(row.job), row.created_at)
            entry.runs, entry.skipped, entry.last_run = row.runs, row.skipped, last
            self._vms.setdefault(row.vm_id, {})[row.job.id] = entry
            self._plan(entry)

    async def run(self) -> None:
        """Run jobs when their time comes, until cancelled; then what is under way is ended."""
        try:
            while True:
                self._changed.clear()
                await self._pause(self._run_due())
        finally:
            self._stopped = True
            await _end(self._tasks)

    async def put(self, vm_id: str, job: CronJob) -> CronJobInfo:
        """Schedule a job, in the place of the one of its id; it is kept when this returns.

        What runs of the one before goes on, and counts as its own.

        Raises:
            InvalidRequest: `invalid_schedule`, `invalid_time_zone`.
            NotFound: `vm_not_found`.
            Conflict: `too_many_cron_jobs`.
        """
        schedule = parse_schedule(job.schedule, job.time_zone)
        infos: list[CronJobInfo] = []

        def kept(created_at: float) -> None:
            entries = self._vms.setdefault(vm_id, {})
            entry = entries.get(job.id)
            if entry is None:
                entry = entries[job.id] = _Entry(vm_id, job, schedule, created_at)
            entry.job, entry.schedule = job, schedule
            if job.overlap != "queue":
                entry.queued = 0
            self._plan(entry)
            self._changed.set()
            infos.append(entry.info())

        await self._jobs.put(vm_id, job, self._clock(), kept)
        return infos[0]

    def of_vm(self, vm_id: str) -> list[CronJobInfo]:
        """The jobs of a VM, by id."""
        return [entry.info() for _, entry in sorted(self._vms.get(vm_id, {}).items())]

    async def cancel(self, vm_id: str, job_id: str) -> bool:
        """Run a job no more, and end what runs of it. False if there was none."""
        entries: list[_Entry] = []

        def gone(_: bool) -> None:
            entry = self._vms.get(vm_id, {}).pop(job_id, None)
            if entry is not None:
                entry.queued = 0
                entries.append(entry)

        removed = await self._jobs.remove(vm_id, job_id, gone)
        for entry in entries:
            await _end(entry.tasks)
        return removed

    async def forget_vm(self, vm_id: str) -> None:
        """The VM was destroyed, and its jobs with it: end what runs of them."""
        for entry in self._vms.pop(vm_id, {}).values():
            entry.queued = 0
            await _end(entry.tasks)

    def _plan(self, entry: _Entry) -> None:
        entry.next_run_at = None if entry.schedule is None else entry.schedule.next_after(self._clock())

    def _run_due(self) -> float:
        """Begin what is due; the seconds to the next look.

        All jobs are looked at: the times of cron are whole minutes, so that is once in a minute.
        """
        now = self._clock()
        set_back = now < self._looked_at - LONGEST_PAUSE
        self._looked_at = now
        pause = LONGEST_PAUSE
        for entry in [entry for entries in self._vms.values() for entry in entries.values()]:
            if set_back:
                self._plan(entry)
            if entry.next_run_at is None:
                continue
            if entry.next_run_at <= now:
                self._plan(entry)
                self._due(entry)
            if entry.next_run_at is not None:
                pause = min(pause, entry.next_run_at - now)
        return max(pause, 0.0)

    def _is_there(self, entry: _Entry) -> bool:
        return self._vms.get(entry.vm_id, {}).get(entry.job.id) is entry

    def _due(self, entry: _Entry) -> None:
        in_vm = sum(len(each.tasks) for each in self._vms[entry.vm_id].values())
        decision = what_to_do(entry.job.overlap, len(entry.tasks), entry.queued, in_vm)
        if decision == "start":
            self._begin(entry)
        elif decision == "queue":
            entry.queued += 1
        else:
            entry.skipped += 1
            self._start(self._record(entry))

    def _begin(self, entry: _Entry) -> None:
        if not self._stopped:
            self._start(self._run(entry, entry.job), entry)

    def _start(self, work: Coroutine[None, None, None], entry: _Entry | None = None) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if entry is not None:
            entry.tasks.add(task)
            task.add_done_callback(partial(self._ended, entry))

    async def _run(self, entry: _Entry, job: CronJob) -> None:
        run = entry.last_run = CronRun(self._clock())
        entry.runs += 1
        await self._record(entry)
        outcome = await run_to_its_end(self._execute, self._starting, entry.vm_id, job)
        if outcome is None:  # its VM is gone
            self._vms.pop(entry.vm_id, None)
            return
        if entry.last_run is run:  # else another began behind it, and is the last
            entry.last_run = replace(outcome, started_at=run.started_at, ended_at=self._clock())
            await self._record(entry)

    def _ended(self, entry: _Entry, task: asyncio.Task[None]) -> None:
        entry.tasks.discard(task)
        if task.cancelled():
            entry.queued = 0
            return
        error = task.exception()
        if error is not None:
            _log.error("a cron job's run failed: %s", type(error).__name__)  # a message may hold a path
        if entry.queued and self._is_there(entry):
            entry.queued -= 1
            self._begin(entry)

    async def _record(self, entry: _Entry) -> None:
        try:
            await self._jobs.record(entry.vm_id, entry.job.id, entry.runs, entry.skipped, entry.last_run)
        except HatchwayError as error:
            _log.warning("what came of a cron job could not be kept: %s", error.message)

    async def _pause(self, seconds: float) -> None:
        """Wait, unless the times change first."""
        loop = asyncio.get_running_loop()
        waiting = {loop.create_task(self._time_passes(seconds)), loop.create_task(self._times_change())}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(waiting)

    async def _time_passes(self, seconds: float) -> None:
        await self._sleep(seconds)

    async def _times_change(self) -> None:
        await self._changed.wait()


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they have ended."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


def _readable(job: CronJob) -> Schedule | None:
    with suppress(InvalidRequest):
        return parse_schedule(job.schedule, job.time_zone)
    _log.warning("a cron job's schedule or time zone is not known any more: it is not run")
    return None
