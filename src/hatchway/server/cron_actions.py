"""Cron jobs, for the control API."""

from __future__ import annotations

from hatchway.server.cron import CronRunner
from hatchway.vm.cron_job import CronJob, CronJobInfo, check_job
from hatchway.vm.manager import VmManager


class ServerCronActions:
    """Implements `hatchway.api.cron_actions.CronActions`."""

    _manager: VmManager
    _cron: CronRunner

    async def schedule_cron(self, vm_id: str, job: CronJob) -> CronJobInfo:
        """See `CronActions`."""
        return await self._cron.put(vm_id, check_job(job))

    async def list_cron_jobs(self, vm_id: str) -> list[CronJobInfo]:
        """See `CronActions`."""
        await self._manager.get(vm_id)
        return self._cron.of_vm(vm_id)

    async def cancel_cron_job(self, vm_id: str, job_id: str) -> bool:
        """See `CronActions`."""
        await self._manager.get(vm_id)
        return await self._cron.cancel(vm_id, job_id)
