"""Operations on what goes into spawned processes and comes out of them."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from hatchway.api import process_schemas as schemas
from hatchway.api.bodies import no_content, write_json
from hatchway.api.lines import LinesAnswer
from hatchway.api.operation import (
    JSON,
    NDJSON,
    VM_ERRORS,
    Operation,
    Parameter,
    Success,
    flag_parameter,
)
from hatchway.api.query import read_flag
from hatchway.api.schemas import Answer, ErrorLine
from hatchway.api.services import Services
from hatchway.api.streamed_body import with_body
from hatchway.api.targets import pid, vm_id
from hatchway.errors import HatchwayError, InvalidRequest
from hatchway.vm.records import DroppedOutput, KeptOutput, OutputEnd, OutputEvent

_OFFSET = re.compile(rb"0*[0-9]{1,18}")
_OFFSET_PARAMETER = Parameter(
    "offset",
    "Where to begin: how many bytes of both streams to leave out; by default none.",
    {"type": "integer", "minimum": 0, "default": 0},
    required=False,
)
_FOLLOW_PARAMETER = flag_parameter(
    "follow", "Go on with what it writes from now on, until it has ended; by default stop at what is there."
)


async def write_stdin(services: Services, request: Request) -> Response:
    """Write the request's body to a process's standard input."""
    vm, process = vm_id(request), pid(request)
    written = await with_body(
        request.receive, lambda pieces: services.write_process_stdin(vm, process, pieces)
    )
    return write_json(schemas.StdinWritten(written))


async def close_stdin(services: Services, request: Request) -> Response:
    """Close a process's standard input."""
    await services.close_process_stdin(vm_id(request), pid(request))
    return no_content()


async def read_output(services: Services, request: Request) -> ASGIApp:
    """Send what a process has written."""
    query = request.state.query
    source = services.process_output(
        vm_id(request),
        pid(request),
        _offset(query.get("offset")),
        follow=read_flag(query, "follow"),
    )
    return LinesAnswer("readProcessOutput", source, _line, OutputEnd, _lost())


def _offset(text: bytes | None) -> int:
    if text is None:
        return 0
    if _OFFSET.fullmatch(text) is None:
        raise InvalidRequest("invalid_offset", "offset must be a whole number of bytes, from 0")
    return int(text)


def _line(event: OutputEvent) -> Answer:
    if isinstance(event, KeptOutput):
        return schemas.KeptOutputLine(event.stream, event.offset, event.data)
    if isinstance(event, DroppedOutput):
        return schemas.DroppedOutputLine(event.dropped_bytes, event.offset)
    return schemas.OutputEndLine(event.next_offset, event.state, event.exit_code, event.signal)


def _lost() -> HatchwayError:
    return HatchwayError(
        "output_lost", "the end of the output was lost", "read on from where it broke off", status=502
    )


_PLACE = "/api/vms/{vm_id}/processes/{pid}"
OPERATIONS = (
    Operation(
        "writeProcessStdin",
        "POST",
        _PLACE + "/stdin",
        "Write to the standard input of a spawned process, or of a command that runs with it open; answered once the"
        " process's pipe has taken all",
        write_stdin,
        (Success(200, "It is written", {JSON: schemas.StdinWritten}),),
        body=bytes,
        errors=((409, "process_ended"), (409, "stdin_closed"), *VM_ERRORS),
    ),
    Operation(
        "closeProcessStdin",
        "POST",
        _PLACE + "/stdin/close",
        "Close the standard input of a spawned process, or of a command, behind what is being written to it",
        close_stdin,
        (Success(204, "It is closed, or will be", {}),),
        errors=VM_ERRORS,
    ),
    Operation(
        "readProcessOutput",
        "GET",
        _PLACE + "/output",
        "Read what a spawned process has written, or follow it to its end",
        read_output,
        (
            Success(
                200,
                "What is kept of it, as lines",
                {
                    NDJSON: (
                        schemas.KeptOutputLine,
                        schemas.DroppedOutputLine,
                        schemas.OutputEndLine,
                        ErrorLine,
                    )
                },
            ),
        ),
        query=(_OFFSET_PARAMETER, _FOLLOW_PARAMETER),
        errors=((400, "invalid_offset"), *VM_ERRORS),
    ),
)
