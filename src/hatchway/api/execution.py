"""Running a command to its end: its output as lines while it happens, or all of it in one answer.

The command is killed when its client goes away.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp

from hatchway.api import process_schemas as schemas
from hatchway.api.bodies import read_json, write_json
from hatchway.api.commands import exec_request
from hatchway.api.disconnect import unless_disconnected
from hatchway.api.lines import LinesAnswer
from hatchway.api.operation import JSON, NDJSON, START_ERRORS, Operation, Success
from hatchway.api.schemas import Answer, ErrorLine
from hatchway.api.services import Services
from hatchway.api.targets import vm_id
from hatchway.errors import HatchwayError, InvalidRequest
from hatchway.vm.records import ExecRequest, Exit, ProcessEvent, Started

MAX_OUTPUT_BYTES = 8 * 1024 * 1024
"""How much of each stream one answer holds; more needs the lines."""


async def run(services: Services, request: Request) -> ASGIApp:
    """Run a command."""
    vm = vm_id(request)
    command = exec_request(await read_json(request, schemas.Exec))
    if wants_lines(request.headers.get("accept", "")):
        return LinesAnswer("exec", services.exec(vm, command), _line, Exit, _lost())
    if command.stdin_open:
        raise InvalidRequest(
            "invalid_stdin",
            "standard input can only stay open where the answer comes as lines",
            "send Accept: application/x-ndjson; the first line says the pid to write to",
        )
    return write_json(await unless_disconnected(request.receive, collect(services, vm, command)))


def wants_lines(accept: str) -> bool:
    """Whether an Accept header names `application/x-ndjson`, and does not refuse it with q=0."""
    for media_range in accept.split(","):
        name, *parameters = (part.strip().lower() for part in media_range.split(";"))
        if name == NDJSON:
            return not any(_is_zero_weight(parameter) for parameter in parameters)
    return False


def _is_zero_weight(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name == "q" and value.strip("0") in {"", "."}


async def collect(services: Services, vm: str, command: ExecRequest) -> schemas.ExecResult:
    """Run a command to its end, and keep what it writes up to `MAX_OUTPUT_BYTES` of each stream.

    Raises:
        HatchwayError: as for any command; `exec_lost`.
    """
    output = {"stdout": bytearray(), "stderr": bytearray()}
    truncated = False
    end: Exit | None = None
    async with services.exec(vm, command) as events:
        async for event in events:
            if isinstance(event, Exit):
                end = event
                break
            if isinstance(event, Started):
                continue
            kept = output[event.stream]
            room = MAX_OUTPUT_BYTES - len(kept)
            truncated = truncated or len(event.data) > room
            kept += event.data[:room]
    if end is None:
        raise _lost()
    return schemas.ExecResult(
        end.exit_code,
        end.signal,
        end.timed_out,
        output["stdout"].decode(errors="replace"),
        output["stderr"].decode(errors="replace"),
        truncated,
    )


def _line(event: ProcessEvent) -> Answer:
    if isinstance(event, Exit):
        return schemas.ExitLine(event.exit_code, event.signal, event.timed_out)
    if isinstance(event, Started):
        return schemas.StartedLine(event.pid)
    return schemas.OutputLine(event.stream, event.data)


def _lost() -> HatchwayError:
    return HatchwayError(
        "exec_lost", "the command's end was lost: its VM has stopped", "run it again", status=502
    )


OPERATIONS = (
    Operation(
        "exec",
        "POST",
        "/api/vms/{vm_id}/exec",
        "Run a command to its end; with Accept: application/x-ndjson, its output as it happens",
        run,
        (
            Success(
                200,
                "It ended, with whatever exit code; or, as lines, it began",
                {
                    JSON: schemas.ExecResult,
                    NDJSON: (schemas.StartedLine, schemas.OutputLine, schemas.ExitLine, ErrorLine),
                },
            ),
        ),
        body=schemas.Exec,
        errors=(*START_ERRORS, (400, "invalid_stdin"), (502, "exec_lost")),
    ),
)
