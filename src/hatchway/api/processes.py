"""Operations on processes that run on by themselves, and on any other of a VM."""

from __future__ import annotations

import signal

from starlette.requests import Request
from starlette.responses import Response

from hatchway.api import process_schemas as schemas
from hatchway.api.bodies import no_content, read_json, write_json
from hatchway.api.commands import signal_number, spawn_request
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


async def show_every(services: Services, request: Request) -> Response:
    """List all processes of a VM."""
    processes = await services.all_processes(vm_id(request))
    return write_json(schemas.SystemProcesses([schemas.SystemProcess.of(each) for each in processes]))


async def show(services: Services, request: Request) -> Response:
    """Show a spawned process."""
    return write_json(schemas.Process.of(await services.get_process(vm_id(request), pid(request))))


async def wait(services: Services, request: Request) -> Response:
    """Answer once a process has exited."""
    waiting = services.wait_process(vm_id(request), pid(request))
    return write_json(schemas.Process.of(await unless_disconnected(request.receive, waiting)))


async def stop(services: Services, request: Request) -> Response:
    """Ask a process to end."""
    await services.signal_spawned(vm_id(request), pid(request), signal.SIGTERM)
    return no_content()


async def kill(services: Services, request: Request) -> Response:
    """End a process."""
    await services.signal_spawned(vm_id(request), pid(request), signal.SIGKILL)
    return no_content()


async def send_signal(services: Services, request: Request) -> Response:
    """Send any signal to any process."""
    vm, process = vm_id(request), pid(request)
    number = signal_number((await read_json(request, schemas.Signal)).signal)
    await services.signal_process(vm, process, number)
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
        errors=(*START_ERRORS, (400, "invalid_stdin")),
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
        "listAllProcesses",
        "GET",
        _PLACE + "/all",
        "List every process of a VM, whoever started it",
        show_every,
        (Success(200, "The processes", {JSON: schemas.SystemProcesses}),),
        errors=VM_ERRORS,
    ),
    Operation(
        "getProcess",
        "GET",
        _PLACE + "/{pid}",
        "Show a spawned process",
        show,
        (Success(200, "The process", {JSON: schemas.Process}),),
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
    Operation(
        "signalProcess",
        "POST",
        _PLACE + "/{pid}/signal",
        "Send a signal to a spawned process and its group, or to any other process of the VM alone",
        send_signal,
        (Success(204, "It was sent", {}),),
        body=schemas.Signal,
        errors=((400, "invalid_signal"), (409, "not_permitted"), *VM_ERRORS),
    ),
)
