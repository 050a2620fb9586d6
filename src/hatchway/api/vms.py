"""Operations on VMs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hatchway.api import schemas
from hatchway.api.bodies import no_content, read_json, write_json
from hatchway.api.operation import JSON, Operation, Parameter, Success
from hatchway.api.services import Services
from hatchway.api.targets import vm_id
from hatchway.errors import InvalidRequest
from hatchway.vm.key import Key, parse_key, unformat_key

_NAME = Parameter("name", "Only those of this kind.", {"type": "string"}, required=False)
_KEY = Parameter(
    "key",
    "Only those with this key: its parts joined by `/`, with `\\\\` for a backslash and `\\/` for a slash in a part.",
    {"type": "string", "minLength": 1},
    required=False,
)


async def create(services: Services, request: Request) -> Response:
    """Get or create a VM."""
    body = await read_json(request, schemas.CreateVm)
    info, created = await services.get_or_create_vm(body.name, parse_key(body.key))
    return write_json(schemas.Vm.of(info), 201 if created else 200)


async def show_all(services: Services, request: Request) -> Response:
    """List all VMs, or find some of them."""
    name, key = _name(request), _key(request)
    return write_json(schemas.Vms([schemas.Vm.of(info) for info in await services.list_vms(name, key)]))


async def show(services: Services, request: Request) -> Response:
    """Show one VM."""
    return write_json(schemas.Vm.of(await services.get_vm(vm_id(request))))


async def destroy(services: Services, request: Request) -> Response:
    """End a VM."""
    await services.destroy_vm(vm_id(request))
    return no_content()


def _name(request: Request) -> str | None:
    text: bytes | None = request.state.query.get("name")
    try:
        return None if text is None else text.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("invalid_query", "the name of a kind of VM must be valid UTF-8") from None


def _key(request: Request) -> Key | None:
    text: bytes | None = request.state.query.get("key")
    try:
        return None if text is None else parse_key(unformat_key(text.decode()))
    except UnicodeDecodeError:
        raise InvalidRequest("invalid_key", "a VM's key must be valid UTF-8") from None


OPERATIONS = (
    Operation(
        "getOrCreateVm",
        "POST",
        "/api/vms",
        "Get the VM with a key, or make it",
        create,
        (
            Success(200, "It was there", {JSON: schemas.Vm}),
            Success(201, "It was made", {JSON: schemas.Vm}),
        ),
        body=schemas.CreateVm,
        errors=((400, "invalid_key"), (404, "unknown_vm_kind"), (503, "no_free_slot"), (503, "storage_full")),
    ),
    Operation(
        "listVms",
        "GET",
        "/api/vms",
        "List all VMs, or find some by kind and key; oldest first, and none is made",
        show_all,
        (Success(200, "The VMs", {JSON: schemas.Vms}),),
        query=(_NAME, _KEY),
        errors=((400, "invalid_key"),),
    ),
    Operation(
        "getVm",
        "GET",
        "/api/vms/{vm_id}",
        "Show one VM",
        show,
        (Success(200, "The VM", {JSON: schemas.Vm}),),
    ),
    Operation(
        "destroyVm",
        "DELETE",
        "/api/vms/{vm_id}",
        "End a VM, with its files, processes and previews",
        destroy,
        (Success(204, "It is gone", {}),),
    ),
)
