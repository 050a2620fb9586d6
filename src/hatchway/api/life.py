"""Operations on the life of a VM: wake it, pause it, put it to sleep."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from hatchway.api import schemas
from hatchway.api.bodies import read_json, write_json
from hatchway.api.operation import JSON, VM_ERRORS, Operation, Success
from hatchway.api.services import Services
from hatchway.api.targets import vm_id
from hatchway.options import IdleOptions

_Seconds = Annotated[float, Meta(ge=0)] | None


class Idle(schemas.Body):
    """After how long without use a VM changes its state; null: never."""

    pause_after: Annotated[_Seconds, Meta(description="Seconds until it is paused.")]
    sleep_after: Annotated[_Seconds, Meta(description="Seconds until it is put to sleep.")]


async def wake(services: Services, request: Request) -> Response:
    """Boot or resume a VM."""
    return write_json(schemas.Vm.of(await services.wake_vm(vm_id(request))))


async def pause(services: Services, request: Request) -> Response:
    """Freeze a VM."""
    return write_json(schemas.Vm.of(await services.pause_vm(vm_id(request))))


async def sleep(services: Services, request: Request) -> Response:
    """End a VM's processes."""
    return write_json(schemas.Vm.of(await services.sleep_vm(vm_id(request))))


async def set_idle(services: Services, request: Request) -> Response:
    """Set when a VM is paused and put to sleep."""
    vm = vm_id(request)
    body = await read_json(request, Idle)
    return write_json(
        schemas.Vm.of(await services.set_idle(vm, IdleOptions(body.pause_after, body.sleep_after)))
    )


_PLACE = "/api/vms/{vm_id}"
_VM = {JSON: schemas.Vm}
OPERATIONS = (
    Operation(
        "wakeVm",
        "POST",
        f"{_PLACE}/wake",
        "Wake a VM that is paused or asleep",
        wake,
        (Success(200, "It runs", _VM),),
        errors=VM_ERRORS,
    ),
    Operation(
        "pauseVm",
        "POST",
        f"{_PLACE}/pause",
        "Freeze the processes of a VM that nobody uses; its next use lets them go on",
        pause,
        (Success(200, "It is paused, or asleep as before", _VM),),
        errors=((409, "vm_in_use"),),
    ),
    Operation(
        "sleepVm",
        "POST",
        f"{_PLACE}/sleep",
        "End the processes of a VM, whoever uses them, and keep its disk; its next use boots it",
        sleep,
        (Success(200, "It is asleep", _VM),),
    ),
    Operation(
        "setIdle",
        "PUT",
        f"{_PLACE}/idle",
        "Set after how long without use a VM is paused and put to sleep",
        set_idle,
        (Success(200, "It is so from now on", _VM),),
        body=Idle,
        errors=((400, "invalid_option"), (503, "storage_full")),
    ),
)
