"""Operations on processes that run on by themselves."""

from __future__ import annotations

import signal

from starlette.requests import Request
from starlette.responses import Response

from hatchway.api import schemas
from hatchway.api.bodies import no_content, read_json, write_json
from hatchway.api.commands import spawn_request
from hatchway.api.disconnect import unless_disconnected
from hatchway.api.operation import JSON, START_ERRORS, VM_ERRORS, Operation, Success
from hatchway.api.services import Services
from hatchway.api.targets import pid, vm_id


async def spawn(services: Services, request: Request) -> Response:
    """Start a program."""
    vm = vm_id(request)
    command = spawn_request(await read_json(request, schemas.Spawn))
    return write_json(schemas.Spawned(await services.spawn(vm, command)), 201)


async def show_all(services: Services, request: Request) -> Response:
    """List the spawned processes of a VM."""
    infos = await services.list_processes(vm_id(request))
    return write_json(schemas.Processes([schemas.Process.of(info) for info in infos]))


async def wait(services: Services, request: Request) -> Response:
    """Answer once a process has exited."""
    waiting = services.wait_process(vm_id(request), pid(request))
    return write_json(schemas.Process.of(await unless_disconnected(request.receive, waiting)))


async def stop(services: Services, request: Request) -> Response:
    """Ask a process to end."""
    await services.signal_process(vm_id(request), pid(request), signal.SIGTERM)
    return no_content()


async def kill(services: Services, request: Request) -> Response:
    """End a process."""
    await services.signal_process(vm_id(request), pid(request), signal.SIGKILL)
    return no_content()


_PLACE = "/api/vms/{vm_id}/processes"
OPERATIONS = (
    Operation(
        "spawn",
        "POST",
        _PLACE,
        "Start a program and leave it running",
        spawn,
        (Success(201, "It runs", {JSON: schemas.Spawned}),),
        body=schemas.Spawn,
        errors=START_ERRORS,
    ),
    Operation(
        "listProcesses",
        "GET",
        _PLACE,
        "List the spawned processes of a VM, those that exited included",
        show_all,
        (Success(200, "The processes", {JSON: schemas.Processes}),),
        errors=VM_ERRORS,
    ),
    Operation(
        "waitProcess",
        "GET",
        _PLACE + "/{pid}/wait",
        "Wait until a spawned process has exited",
        wait,
        (Success(200, "It has exited", {JSON: schemas.Process}),),
        errors=VM_ERRORS,
    ),
    Operation(
        "stopProcess",
        "POST",
        _PLACE + "/{pid}/stop",
        "Ask a spawned process and its group to end (SIGTERM)",
        stop,
        (Success(204, "It was told", {}),),
        errors=VM_ERRORS,
    ),
    Operation(
        "killProcess",
        "POST",
        _PLACE + "/{pid}/kill",
        "End a spawned process and its group (SIGKILL)",
        kill,
        (Success(204, "It was killed", {}),),
        errors=VM_ERRORS,
    ),
)
