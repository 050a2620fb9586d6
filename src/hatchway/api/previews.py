"""Operations on previews."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hatchway.api import preview_schemas as schemas
from hatchway.api.bodies import read_json, write_json
from hatchway.api.operation import JSON, Operation, Success
from hatchway.api.services import Services
from hatchway.api.targets import preview_id, vm_id
from hatchway.preview.grant import validate_cors, validate_label, validate_port


async def create(services: Services, request: Request) -> Response:
    """Mint a preview."""
    vm = vm_id(request)
    body = await read_json(request, schemas.CreatePreview)
    port = validate_port(body.port)
    cors = validate_cors(body.cors)
    label = validate_label(body.label)
    # The greatest life depends on the kind of VM, so the services check that field, and can name its limits.
    minted = await services.create_preview(
        vm,
        port,
        body.expires_in_seconds,
        forward_host=body.forward_host,
        cors=cors,
        label=label,
        wake=body.wake,
    )
    return write_json(schemas.Preview.of(minted), 201)


async def show_all(services: Services, request: Request) -> Response:
    """List the previews of a VM."""
    infos = await services.list_previews(vm_id(request))
    return write_json(schemas.Previews([schemas.ListedPreview.of(info) for info in infos]))


async def renew(services: Services, request: Request) -> Response:
    """Give a preview another end."""
    vm, preview = vm_id(request), preview_id(request)
    body = await read_json(request, schemas.RenewPreview)
    return write_json(
        schemas.ListedPreview.of(await services.renew_preview(vm, preview, body.expires_in_seconds))
    )


async def expire(services: Services, request: Request) -> Response:
    """Revoke a preview by its token."""
    vm = vm_id(request)
    body = await read_json(request, schemas.ExpirePreview)
    return write_json(schemas.Expired(await services.expire_preview(vm, body.token)))


async def expire_one(services: Services, request: Request) -> Response:
    """Revoke a preview by its id."""
    await services.expire_preview_by_id(vm_id(request), preview_id(request))
    return write_json(schemas.Expired(True))


async def expire_all(services: Services, request: Request) -> Response:
    """Revoke all previews of a VM."""
    return write_json(schemas.AllExpired(await services.expire_previews(vm_id(request))))


_PLACE = "/api/vms/{vm_id}/previews"
OPERATIONS = (
    Operation(
        "createPreview",
        "POST",
        _PLACE,
        "Let whoever holds a token reach one port of a VM for a while",
        create,
        (Success(201, "The preview", {JSON: schemas.Preview}),),
        body=schemas.CreatePreview,
        errors=(
            (400, "invalid_cors"),
            (400, "invalid_expiry"),
            (400, "invalid_label"),
            (400, "invalid_port"),
            (409, "no_listener"),
            (503, "storage_full"),
        ),
    ),
    Operation(
        "listPreviews",
        "GET",
        _PLACE,
        "List the live previews of a VM, oldest first; without their tokens, which are stored nowhere",
        show_all,
        (Success(200, "The previews", {JSON: schemas.Previews}),),
    ),
    Operation(
        "renewPreview",
        "POST",
        _PLACE + "/{preview_id}/renew",
        "Let a live preview end later, or earlier; what is open under it goes on, until then",
        renew,
        (Success(200, "The preview with its new end", {JSON: schemas.ListedPreview}),),
        body=schemas.RenewPreview,
        errors=((400, "invalid_expiry"), (503, "storage_full")),
    ),
    Operation(
        "expirePreview",
        "POST",
        _PLACE + "/expire",
        "Revoke a preview by its token, at once; may be done again",
        expire,
        (Success(200, "It does not hold any more", {JSON: schemas.Expired}),),
        body=schemas.ExpirePreview,
    ),
    Operation(
        "expirePreviewById",
        "POST",
        _PLACE + "/{preview_id}/expire",
        "Revoke a live preview by its id, at once",
        expire_one,
        (Success(200, "It does not hold any more", {JSON: schemas.Expired}),),
    ),
    Operation(
        "expireAllPreviews",
        "POST",
        _PLACE + "/expire-all",
        "Revoke all previews of a VM at once; may be done again",
        expire_all,
        (Success(200, "None of them holds any more", {JSON: schemas.AllExpired}),),
    ),
)
