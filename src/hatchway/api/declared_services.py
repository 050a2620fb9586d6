"""Operations on declared services: programs that are kept running whenever their VM runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hatchway.api import service_schemas as schemas
from hatchway.api.bodies import read_json, write_json
from hatchway.api.commands import check_environment, check_words, working_directory
from hatchway.api.disconnect import unless_disconnected
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
    return _LogAnswer(services, vm_id(request), service_name(request), follow=follow)


class _LogAnswer:
    """The log; opened before the answer begins, so that what stands in the way is a refusal."""

    def __init__(self, services: Services, vm: str, name: str, *, follow: bool) -> None:
        self._services, self._vm, self._name, self._follow = services, vm, name, follow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._services.service_log(self._vm, self._name, follow=self._follow) as pieces:
            headers = [(b"content-type", BYTES.encode()), (b"x-content-type-options", b"nosniff")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if scope["method"] != "HEAD":
                await unless_disconnected(receive, _send(pieces, send))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(pieces: AsyncIterator[bytes], send: Send) -> None:
    # At once, so that whoever follows a log that is still empty knows that it is open.
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})


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
