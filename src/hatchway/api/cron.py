"""Operations on cron jobs: commands that are run in a VM at set times."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hatchway.api import cron_schemas as schemas
from hatchway.api.bodies import read_json, write_json
from hatchway.api.commands import cron_job
from hatchway.api.operation import JSON, Operation, Success
from hatchway.api.services import Services
from hatchway.api.targets import cron_job_id, vm_id


async def schedule(services: Services, request: Request) -> Response:
    """Schedule a cron job."""
    vm = vm_id(request)
    body = await read_json(request, schemas.ScheduleCron)
    return write_json(schemas.CronJob.of(await services.schedule_cron(vm, cron_job(body))))


async def show_all(services: Services, request: Request) -> Response:
    """List the cron jobs of a VM."""
    infos = await services.list_cron_jobs(vm_id(request))
    return write_json(schemas.CronJobs([schemas.CronJob.of(info) for info in infos]))


async def cancel(services: Services, request: Request) -> Response:
    """Cancel a cron job."""
    cancelled = await services.cancel_cron_job(vm_id(request), cron_job_id(request))
    return write_json(schemas.Cancelled(cancelled))


_PLACE = "/api/vms/{vm_id}/cron"
OPERATIONS = (
    Operation(
        "scheduleCron",
        "POST",
        _PLACE,
        "Schedule a cron job: a command that is run at set times, for which the VM wakes",
        schedule,
        (Success(200, "It is scheduled, and kept", {JSON: schemas.CronJob}),),
        body=schemas.ScheduleCron,
        errors=(
            (400, "invalid_command"),
            (400, "invalid_cron_id"),
            (400, "invalid_environment"),
            (400, "invalid_path"),
            (400, "invalid_schedule"),
            (400, "invalid_time_zone"),
            (409, "too_many_cron_jobs"),
            (413, "cron_job_too_large"),
            (503, "storage_full"),
        ),
    ),
    Operation(
        "listCronJobs",
        "GET",
        _PLACE,
        "List the cron jobs of a VM, by id; does not wake it",
        show_all,
        (Success(200, "The jobs", {JSON: schemas.CronJobs}),),
    ),
    Operation(
        "cancelCronJob",
        "DELETE",
        _PLACE + "/{job_id}",
        "Cancel a cron job: it is run no more, and what runs of it is ended",
        cancel,
        (Success(200, "There is no such job any more", {JSON: schemas.Cancelled}),),
        errors=((404, "cron_job_not_found"),),
    ),
)
