"""Operations on the content of files. Contents are raw bodies, streamed both ways; paths are bytes in the query."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hatchway.api import file_queries as queries
from hatchway.api import file_schemas as schemas
from hatchway.api.bodies import write_json
from hatchway.api.disconnect import unless_disconnected
from hatchway.api.file_errors import FILE_ERRORS
from hatchway.api.guest_bytes import OF_A_GUEST
from hatchway.api.operation import BYTES, JSON, Operation, Success, flag_parameter
from hatchway.api.query import read_flag
from hatchway.api.services import OpenFile, Services
from hatchway.api.targets import vm_id
from hatchway.errors import HatchwayError, InvalidRequest


async def write(services: Services, request: Request) -> Response:
    """Write a file from the request's body."""
    vm, query = vm_id(request), request.state.query
    path, mode, parents = queries.path(query), queries.mode(query), read_flag(query, "parents")
    size = await services.write_file(vm, path, request_body(request), mode, parents=parents)
    return write_json(schemas.Written(size))


async def read(services: Services, request: Request) -> ASGIApp:
    """Send a file."""
    return _FileAnswer(services, vm_id(request), queries.path(request.state.query))


class _FileAnswer:
    """The content of a file; opened before the answer begins, so that what stands in the way is a refusal."""

    def __init__(self, services: Services, vm: str, path: bytes) -> None:
        self._services, self._vm, self._path = services, vm, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._services.read_file(self._vm, self._path) as file:
            headers = {"Content-Length": str(file.size), **OF_A_GUEST}
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": Response(headers=headers, media_type=BYTES).raw_headers,
                }
            )
            if scope["method"] != "HEAD":
                await unless_disconnected(receive, _send_content(file, send))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_content(file: OpenFile, send: Send) -> None:
    left = file.size
    async for chunk in file:
        left -= len(chunk)
        if left < 0:
            break
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    if left:
        raise HatchwayError("file_changed", "the file changed while it was sent")


async def request_body(request: Request) -> AsyncIterator[bytes]:
    """The body; raises `body_cut_short` where it ends before its Content-Length."""
    size = 0
    async for chunk in request.stream():
        if chunk:
            size += len(chunk)
            yield chunk
    declared = request.headers.get("content-length")
    if declared is not None and declared != str(size):
        raise InvalidRequest(
            "body_cut_short", "the body ended before its Content-Length; nothing was written"
        )


_PLACE = "/api/vms/{vm_id}/files"
OPERATIONS = (
    Operation(
        "writeFile",
        "PUT",
        _PLACE,
        "Write a file, all or nothing",
        write,
        (Success(200, "It is written", {JSON: schemas.Written}),),
        body=bytes,
        query=(
            queries.PATH,
            queries.MODE,
            flag_parameter("parents", "Make the folders above it that are not there."),
        ),
        errors=(
            *FILE_ERRORS,
            (400, "body_cut_short"),
            (400, "invalid_mode"),
            (409, "is_a_directory"),
            (409, "not_a_regular_file"),
            (409, "storage_full"),
        ),
    ),
    Operation(
        "readFile",
        "GET",
        _PLACE,
        "Read a file",
        read,
        (Success(200, "Its content", {BYTES: bytes}),),
        query=(queries.PATH,),
        errors=(*FILE_ERRORS, (409, "is_a_directory"), (409, "not_a_regular_file")),
    ),
)
