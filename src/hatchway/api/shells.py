"""Operations on shells: programs on a terminal inside the VM. What they print is told as events."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hatchway.api import shell_schemas as schemas
from hatchway.api.bodies import no_content, read_json, write_json
from hatchway.api.commands import shell_request
from hatchway.api.operation import JSON, START_ERRORS, Operation, Success
from hatchway.api.services import Services
from hatchway.api.streamed_body import with_body
from hatchway.api.targets import shell_id, vm_id


async def open_shell(services: Services, request: Request) -> Response:
    """Open a shell."""
    vm = vm_id(request)
    body = await read_json(request, schemas.OpenShell)
    info = await services.open_shell(vm, shell_request(body))
    return write_json(schemas.OpenedShell(info.id), 201)


async def show_all(services: Services, request: Request) -> Response:
    """List the shells of a VM."""
    infos = await services.list_shells(vm_id(request))
    return write_json(schemas.Shells([schemas.Shell.of(info) for info in infos]))


async def write(services: Services, request: Request) -> Response:
    """Type the request's body into a shell."""
    vm, shell = vm_id(request), shell_id(request)
    written = await with_body(request.receive, lambda pieces: services.write_shell(vm, shell, pieces))
    return write_json(schemas.ShellWritten(written))


async def resize(services: Services, request: Request) -> Response:
    """Give a shell's terminal another size."""
    vm, shell = vm_id(request), shell_id(request)
    body = await read_json(request, schemas.Resize)
    await services.resize_shell(vm, shell, body.cols, body.rows)
    return no_content()


async def close(services: Services, request: Request) -> Response:
    """End a shell."""
    await services.close_shell(vm_id(request), shell_id(request))
    return no_content()


_PLACE = "/api/vms/{vm_id}/shells"
_ONE = _PLACE + "/{shell_id}"
OPERATIONS = (
    Operation(
        "openShell",
        "POST",
        _PLACE,
        "Open a shell: a program on a terminal in the VM. What it prints are `shell_data` events; until it ends the VM"
        " stays awake",
        open_shell,
        (Success(201, "It is open", {JSON: schemas.OpenedShell}),),
        body=schemas.OpenShell,
        errors=(*START_ERRORS, (409, "too_many_shells")),
    ),
    Operation(
        "listShells",
        "GET",
        _PLACE,
        "List the shells of a VM, those that ended since it woke included; does not wake it",
        show_all,
        (Success(200, "The shells", {JSON: schemas.Shells}),),
    ),
    Operation(
        "writeShell",
        "POST",
        _ONE + "/write",
        "Type into a shell; answered once its terminal has taken all",
        write,
        (Success(200, "It is typed", {JSON: schemas.ShellWritten}),),
        body=bytes,
        errors=((409, "shell_ended"), (503, "vm_stopped")),
    ),
    Operation(
        "resizeShell",
        "POST",
        _ONE + "/resize",
        "Give a shell's terminal another size",
        resize,
        (Success(204, "It has that size", {}),),
        body=schemas.Resize,
    ),
    Operation(
        "closeShell",
        "DELETE",
        _ONE,
        "End a shell: SIGHUP, and SIGKILL when it takes too long",
        close,
        (Success(204, "It has ended", {}),),
    ),
)
