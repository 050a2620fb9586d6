"""Cron jobs on an in-memory system: none is ever run."""

from __future__ import annotations

from hatchway.errors import Conflict
from hatchway.vm.cron_job import CronJob, CronJobInfo, CronRun, check_job
from hatchway.vm.cron_schedule import parse_schedule
from hatchway.vm.records import VmInfo

NOW = 1_000_000.0


class MemoryCron:
    """Part of `MemoryServices`."""

    last_run: CronRun | None = None
    most_jobs = 100

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[tuple[str, str], CronJobInfo] = {}

    async def get_vm(self, vm_id: str) -> VmInfo:
        raise NotImplementedError

    async def schedule_cron(self, vm_id: str, job: CronJob) -> CronJobInfo:
        await self.get_vm(vm_id)
        check_job(job)
        next_run_at = parse_schedule(job.schedule, job.time_zone).next_after(NOW)
        if len(self.jobs) == self.most_jobs:
            raise Conflict("too_many_cron_jobs", "a VM has at most so many cron jobs", "cancel some of them")
        info = self.jobs[vm_id, job.id] = CronJobInfo(job, NOW, next_run_at, last_run=self.last_run)
        return info

    async def list_cron_jobs(self, vm_id: str) -> list[CronJobInfo]:
        await self.get_vm(vm_id)
        return [info for (vm, _id), info in sorted(self.jobs.items()) if vm == vm_id]

    async def cancel_cron_job(self, vm_id: str, job_id: str) -> bool:
        await self.get_vm(vm_id)
        return self.jobs.pop((vm_id, job_id), None) is not None
