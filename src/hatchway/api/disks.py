"""Operations on disks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hatchway.api import disk_schemas as schemas
from hatchway.api.bodies import read_json, write_json
from hatchway.api.operation import JSON, Operation, Success
from hatchway.api.services import Services
from hatchway.api.targets import vm_id


async def usage(services: Services, request: Request) -> Response:
    """What a VM's files take."""
    return write_json(schemas.DiskUsage.of(await services.disk_usage(vm_id(request))))


async def collect(services: Services, request: Request) -> Response:
    """Remove what nobody owns."""
    body = await read_json(request, schemas.CollectGarbage)
    found = await services.collect_garbage(dry_run=body.dry_run)
    return write_json(schemas.Collected.of(found, dry_run=body.dry_run))


OPERATIONS = (
    Operation(
        "getDiskUsage",
        "GET",
        "/api/vms/{vm_id}/disk",
        "What a VM's files take of the disk; it is not started",
        usage,
        (Success(200, "What they take", {JSON: schemas.DiskUsage}),),
    ),
    Operation(
        "collectGarbage",
        "POST",
        "/api/gc",
        "Remove what no VM owns any more: files of VMs that there are not, and unfinished layers of software",
        collect,
        (Success(200, "What was removed, or would be", {JSON: schemas.Collected}),),
        body=schemas.CollectGarbage,
        errors=((503, "storage_failed"),),
    ),
)
