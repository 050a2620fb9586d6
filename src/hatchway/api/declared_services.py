"""Operations on declared services: programs that are kept running whenever their VM runs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from hatchway.api import service_schemas as schemas
from hatchway.api.bodies import read_json, write_json
from hatchway.api.commands import check_environment, check_words, working_directory
from hatchway.api.disconnect import unless_disconnected
from hatchway.api.guest_bytes import GuestBytesAnswer
from hatchway.api.operation import BYTES, JSON, START_ERRORS, VM_ERRORS, Operation, Success, flag_parameter
from hatchway.api.query import read_flag
from hatchway.api.services import Services
from hatchway.api.targets import service_name, vm_id
from hatchway.vm.service_spec import ServiceSpec


async def declare(services: Services, request: Request) -> Response:
    """Declare a service."""
    vm, name = vm_id(request), service_name(request)
    body = await read_json(request, schemas.DeclareService)
    check_words([body.command, *body.args])
    spec = ServiceSpec(
        name,
        body.command,
        body.args,
        check_environment(body.env),
        working_directory(body.cwd),
        body.port,
        body.ready,
    )
    declaring = services.declare_service(vm, spec, body.wait)
    return write_json(schemas.Service.of(await unless_disconnected(request.receive, declaring)))


async def show_all(services: Services, request: Request) -> Response:
    """List the declared services of a VM."""
    infos = await services.list_services(vm_id(request))
    return write_json(schemas.Services([schemas.Service.of(info) for info in infos]))


async def show(services: Services, request: Request) -> Response:
    """Show a declared service."""
    info = await services.get_service(vm_id(request), service_name(request))
    return write_json(schemas.Service.of(info))


async def remove(services: Services, request: Request) -> Response:
    """Declare a service no longer."""
    removed = await services.remove_service(vm_id(request), service_name(request))
    return write_json(schemas.Removed(removed))


async def read_log(services: Services, request: Request) -> ASGIApp:
    """Send what a service has written."""
    follow = read_flag(request.state.query, "follow")
    source = services.service_log(vm_id(request), service_name(request), follow=follow)
    return GuestBytesAnswer(source, BYTES)


_PLACE = "/api/vms/{vm_id}/services"
_ONE = _PLACE + "/{service}"
OPERATIONS = (
    Operation(
        "declareService",
        "PUT",
        _ONE,
        "Declare a service: a program that is kept running whenever the VM runs",
        declare,
        (Success(200, "It is declared, and was started", {JSON: schemas.Service}),),
        body=schemas.DeclareService,
        errors=(
            *(error for error in START_ERRORS if error[0] == 400),
            *VM_ERRORS,
            (400, "invalid_port"),
            (400, "invalid_service"),
            (409, "too_many_services"),
            (503, "storage_full"),
        ),
    ),
    Operation(
        "listServices",
        "GET",
        _PLACE,
        "List the declared services of a VM, by name; does not wake it",
        show_all,
        (Success(200, "The services", {JSON: schemas.Services}),),
    ),
    Operation(
        "getService",
        "GET",
        _ONE,
        "Show a declared service; does not wake the VM",
        show,
        (Success(200, "The service", {JSON: schemas.Service}),),
        errors=((404, "service_not_found"),),
    ),
    Operation(
        "removeService",
        "DELETE",
        _ONE,
        "Declare a service no longer: it is ended, and its log deleted",
        remove,
        (Success(200, "There is no such service any more", {JSON: schemas.Removed}),),
        errors=((404, "service_not_found"),),
    ),
    Operation(
        "readServiceLog",
        "GET",
        _ONE + "/log",
        "Read what a declared service has written, stdout and stderr as they came, and when it started and ended",
        read_log,
        (Success(200, "The log, as far as it is kept", {BYTES: bytes}),),
        query=(flag_parameter("follow", "Go on with what it writes from now on, until it is removed."),),
        errors=((404, "service_not_found"),),
    ),
)
