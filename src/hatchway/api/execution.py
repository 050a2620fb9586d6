"""Running a command to its end: its output as lines while it happens, or all of it in one answer.

The command is killed when its client goes away.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hatchway.api import schemas
from hatchway.api.bodies import read_json, write_json
from hatchway.api.commands import exec_request
from hatchway.api.disconnect import unless_disconnected
from hatchway.api.operation import JSON, NDJSON, START_ERRORS, Operation, Success
from hatchway.api.problems import internal_error, log_unexpected
from hatchway.api.services import Services
from hatchway.api.targets import vm_id
from hatchway.errors import HatchwayError
from hatchway.vm.records import ExecRequest, Exit, ProcessEvent

MAX_OUTPUT_BYTES = 8 * 1024 * 1024
"""How much of each stream one answer holds; more needs the lines."""


async def run(services: Services, request: Request) -> ASGIApp:
    """Run a command."""
    vm = vm_id(request)
    command = exec_request(await read_json(request, schemas.Exec))
    if wants_lines(request.headers.get("accept", "")):
        return _LinesAnswer(services, vm, command)
    return write_json(await unless_disconnected(request.receive, _collect(services, vm, command)))


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


async def _collect(services: Services, vm: str, command: ExecRequest) -> schemas.ExecResult:
    output = {"stdout": bytearray(), "stderr": bytearray()}
    truncated = False
    end: Exit | None = None
    async with services.exec(vm, command) as events:
        async for event in events:
            if isinstance(event, Exit):
                end = event
                break
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


class _LinesAnswer:
    """The output as lines. The answer begins once the command runs, so that until then a refusal has its status."""

    def __init__(self, services: Services, vm: str, command: ExecRequest) -> None:
        self._services, self._vm, self._command = services, vm, command
        self._begun = self._ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await unless_disconnected(receive, self._send_lines(send))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_lines(self, send: Send) -> None:
        problem: HatchwayError | None = None
        try:
            async with self._services.exec(self._vm, self._command) as events:
                headers = Response(headers={"Cache-Control": "no-store"}, media_type=NDJSON).raw_headers
                headers = [header for header in headers if header[0] != b"content-length"]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                self._begun = True
                async for event in events:
                    await _send_line(send, _line(event))
                    if isinstance(event, Exit):
                        self._ended = True
                        break
            problem = _lost()
        except HatchwayError as error:
            if not self._begun:
                raise
            problem = error
        except Exception as error:
            if not self._begun:
                raise
            log_unexpected("exec", error)
            problem = internal_error()
        if not self._ended:
            await _send_line(send, schemas.ErrorLine(schemas.Problem.of(problem)))


def _line(event: ProcessEvent) -> schemas.Answer:
    if isinstance(event, Exit):
        return schemas.ExitLine(event.exit_code, event.signal, event.timed_out)
    return schemas.OutputLine(event.stream, event.data)


async def _send_line(send: Send, line: schemas.Answer) -> None:
    await send({"type": "http.response.body", "body": msgspec.json.encode(line) + b"\n", "more_body": True})


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
                {JSON: schemas.ExecResult, NDJSON: (schemas.OutputLine, schemas.ExitLine, schemas.ErrorLine)},
            ),
        ),
        body=schemas.Exec,
        errors=(*START_ERRORS, (400, "invalid_stdin"), (502, "exec_lost")),
    ),
)
