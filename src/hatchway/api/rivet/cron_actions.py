"""Actions on cron jobs."""

from __future__ import annotations

from typing import Any, Literal

from hatchway.api import cron_schemas as schemas
from hatchway.api.commands import cron_job
from hatchway.api.rivet.arguments import Arguments, Options, convert
from hatchway.api.rivet.js_values import UNDEFINED
from hatchway.api.services import Services
from hatchway.errors import InvalidRequest
from hatchway.vm.cron_job import CronJobInfo, check_job_id


class _Action(Options):
    type: str
    command: str | None = None
    args: list[str] | None = None


class _ScheduleCron(Options):
    schedule: str
    action: dict[str, Any]
    id: str | None = None
    overlap: Literal["allow", "skip", "queue"] = "allow"


async def schedule(services: Services, vm: str, values: list[Any]) -> Any:
    """`scheduleCron({id?, schedule, action: {type: "exec", command, args?}, overlap?})`: `{id}`."""
    options = Arguments("scheduleCron", values, 1).options(0, _ScheduleCron)
    if options.action.get("type") != "exec":
        raise InvalidRequest(
            "unsupported_cron_action",
            "the action of a cron job must be of type exec",
            "run your agent as a command",
        )
    action = convert(options.action, _Action, "the action's fields")
    body = {
        "schedule": options.schedule,
        "command": action.command if action.args is None else [action.command, *action.args],
        "id": options.id,
        "overlap": options.overlap,
    }
    info = await services.schedule_cron(vm, cron_job(convert(body, schemas.ScheduleCron, "the job's fields")))
    return {"id": info.job.id}


async def list_jobs(services: Services, vm: str, values: list[Any]) -> Any:
    """`listCronJobs()`."""
    Arguments("listCronJobs", values, 0)
    return [_told(info) for info in await services.list_cron_jobs(vm)]


async def cancel(services: Services, vm: str, values: list[Any]) -> Any:
    """`cancelCronJob(id)`; one that is not there is no error."""
    await services.cancel_cron_job(vm, check_job_id(Arguments("cancelCronJob", values, 1).text(0, "id")))
    return UNDEFINED


def _told(info: CronJobInfo) -> dict[str, Any]:
    command = info.job.command
    words = {"command": command} if isinstance(command, str) else {"command": command[0], "args": command[1:]}
    told: dict[str, Any] = {
        "id": info.job.id,
        "schedule": info.job.schedule,
        "action": {"type": "exec", **words},
        "overlap": info.job.overlap,
        "runCount": info.runs,
        "running": info.running > 0,
    }
    if info.next_run_at is not None:
        told["nextRun"] = int(info.next_run_at * 1000)
    if info.last_run is not None:
        told["lastRun"] = int(info.last_run.started_at * 1000)
    return told


ACTIONS = {"cancelCronJob": cancel, "listCronJobs": list_jobs, "scheduleCron": schedule}
