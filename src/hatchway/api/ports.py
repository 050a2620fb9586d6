"""Operations on the ports that are listened on in a VM."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from hatchway.api.bodies import no_content, read_json, write_json
from hatchway.api.disconnect import unless_disconnected
from hatchway.api.operation import JSON, VM_ERRORS, Operation, Success
from hatchway.api.process_schemas import told_words
from hatchway.api.schemas import Answer, Body
from hatchway.api.services import Services
from hatchway.api.targets import vm_id
from hatchway.preview.grant import MAX_PORT, MIN_PORT, validate_port
from hatchway.vm.records import ListeningPort

MAX_WAIT_SECONDS = 3600.0


class Port(Answer, frozen=True):
    """A TCP port that is listened on."""

    port: int
    address: Annotated[str, Meta(description="Such as 127.0.0.1, 0.0.0.0 or ::.")]
    family: Literal["ipv4", "ipv6"]
    pid: Annotated[int | None, Meta(description="Of the process that listens, if it can be seen.")]
    command: Annotated[list[str], Meta(description="That process's program and arguments; its own words.")]
    command_base64: (
        Annotated[list[bytes], Meta(description="The command in base64, only where it is no UTF-8.")]
        | UnsetType
    ) = UNSET

    @classmethod
    def of(cls, port: ListeningPort) -> Port:
        """The answer for a record."""
        texts, exact = told_words(port.command)
        return cls(
            port.port,
            port.address,
            port.family,
            port.pid,
            texts,
            exact,
        )


class Ports(Answer, frozen=True):
    """The ports, lowest first."""

    ports: list[Port]


class WaitForPort(Body):
    """What to wait for."""

    port: Annotated[
        Any, Meta(extra_json_schema={"type": "integer", "minimum": MIN_PORT, "maximum": MAX_PORT})
    ]
    timeout: Annotated[float, Meta(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait at most.")] = 30.0


async def show_all(services: Services, request: Request) -> Response:
    """List the ports that are listened on."""
    return write_json(Ports([Port.of(port) for port in await services.list_ports(vm_id(request))]))


async def wait(services: Services, request: Request) -> Response:
    """Answer once a port accepts connections."""
    vm = vm_id(request)
    body = await read_json(request, WaitForPort)
    waiting = services.wait_for_port(vm, validate_port(body.port), body.timeout)
    await unless_disconnected(request.receive, waiting)
    return no_content()


OPERATIONS = (
    Operation(
        "listPorts",
        "GET",
        "/api/vms/{vm_id}/ports",
        "List the TCP ports that are listened on in a VM; one that is asleep has none, and is not woken",
        show_all,
        (Success(200, "The ports, lowest first", {JSON: Ports}),),
        errors=VM_ERRORS,
    ),
    Operation(
        "waitForPort",
        "POST",
        "/api/vms/{vm_id}/wait-for-port",
        "Wait until something in a VM accepts connections on a port",
        wait,
        (Success(204, "It does", {}),),
        body=WaitForPort,
        errors=(
            *VM_ERRORS,
            (400, "invalid_port"),
            (409, "port_closed"),
            (409, "process_exited"),
            (409, "port_not_answering"),
        ),
    ),
)
