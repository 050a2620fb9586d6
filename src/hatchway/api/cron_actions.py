"""What the control API needs for cron jobs."""

from __future__ import annotations

from typing import Protocol

from hatchway.vm.cron_job import CronJob, CronJobInfo


class CronActions(Protocol):
    """Part of `hatchway.api.services.Services`, by whose rules it goes."""

    async def schedule_cron(self, vm_id: str, job: CronJob) -> CronJobInfo:
        """Schedule a cron job, in the place of the one of its id. Does not wake the VM.

        Raises:
            InvalidRequest: `invalid_cron_id`, `invalid_schedule`, `invalid_time_zone`.
            Conflict: `too_many_cron_jobs`.
        """
        ...

    async def list_cron_jobs(self, vm_id: str) -> list[CronJobInfo]:
        """The cron jobs of a VM, by id. Does not wake it."""
        ...

    async def cancel_cron_job(self, vm_id: str, job_id: str) -> bool:
        """Run a job no more, and end what runs of it. False if there was none."""
        ...
