"""Operations on previews."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hatchway.api import schemas
from hatchway.api.bodies import read_json, write_json
from hatchway.api.operation import JSON, Operation, Success
from hatchway.api.services import Services
from hatchway.api.targets import vm_id
from hatchway.preview.grant import validate_cors, validate_port


async def create(services: Services, request: Request) -> Response:
    """Mint a preview."""
    vm = vm_id(request)
    body = await read_json(request, schemas.CreatePreview)
    port = validate_port(body.port)
    cors = validate_cors(body.cors)
    # The greatest life depends on the kind of VM, so the services check that field, and can name its limits.
    info = await services.create_preview(
        vm, port, body.expires_in_seconds, forward_host=body.forward_host, cors=cors
    )
    return write_json(schemas.Preview.of(info), 201)


async def expire(services: Services, request: Request) -> Response:
    """Revoke a preview."""
    vm = vm_id(request)
    body = await read_json(request, schemas.ExpirePreview)
    return write_json(schemas.Expired(await services.expire_preview(vm, body.token)))


OPERATIONS = (
    Operation(
        "createPreview",
        "POST",
        "/api/vms/{vm_id}/previews",
        "Let whoever holds a token reach one port of a VM for a while",
        create,
        (Success(201, "The preview", {JSON: schemas.Preview}),),
        body=schemas.CreatePreview,
        errors=((400, "invalid_cors"), (400, "invalid_expiry"), (400, "invalid_port"), (503, "storage_full")),
    ),
    Operation(
        "expirePreview",
        "POST",
        "/api/vms/{vm_id}/previews/expire",
        "Revoke a preview at once; may be done again",
        expire,
        (Success(200, "It does not hold any more", {JSON: schemas.Expired}),),
        body=schemas.ExpirePreview,
    ),
)
