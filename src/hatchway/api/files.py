"""Operations on files. Contents are raw bodies, streamed both ways; paths are bytes in the query."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hatchway.api import schemas
from hatchway.api.bodies import no_content, write_json
from hatchway.api.disconnect import unless_disconnected
from hatchway.api.operation import BYTES, JSON, VM_ERRORS, Operation, Parameter, Success
from hatchway.api.paths import PATH_SCHEMA, validate_path
from hatchway.api.services import OpenFile, Services
from hatchway.api.targets import vm_id
from hatchway.errors import HatchwayError, InvalidRequest

_MODE = re.compile(rb"0*[0-7]{1,4}")
_PATH = Parameter(
    "path",
    "Absolute, or relative to /home/user; percent-encoded bytes. No `..`; at most 255 bytes a name, 4,095 in all.",
    {"type": "string", **PATH_SCHEMA},
)
_MODE_PARAMETER = Parameter(
    "mode",
    "Permission bits in octal, such as 755.",
    {"type": "string", "pattern": "^0*[0-7]{1,4}$"},
    required=False,
)


async def write(services: Services, request: Request) -> Response:
    """Write a file from the request's body."""
    vm = vm_id(request)
    path, mode = _path(request), _mode(request.state.query.get("mode"))
    return write_json(schemas.Written(await services.write_file(vm, path, _chunks(request), mode)))


async def read(services: Services, request: Request) -> ASGIApp:
    """Send a file."""
    return _FileAnswer(services, vm_id(request), _path(request))


async def delete(services: Services, request: Request) -> Response:
    """Delete a file."""
    await services.delete_file(vm_id(request), _path(request))
    return no_content()


async def exists(services: Services, request: Request) -> Response:
    """Say whether a file is there."""
    vm = vm_id(request)
    return write_json(schemas.Exists(await services.file_exists(vm, _path(request))))


class _FileAnswer:
    """The content of a file; opened before the answer begins, so that what stands in the way is a refusal."""

    def __init__(self, services: Services, vm: str, path: bytes) -> None:
        self._services, self._vm, self._path = services, vm, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._services.read_file(self._vm, self._path) as file:
            headers = {
                "Content-Length": str(file.size),
                "Cache-Control": "no-store",
                # A guest's file must never become a page of the API's own origin.
                "X-Content-Type-Options": "nosniff",
                "Content-Disposition": "attachment",
                "Content-Security-Policy": "sandbox",
            }
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


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body; raises where it is cut short, so that the service writes nothing."""
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


def _path(request: Request) -> bytes:
    path: bytes | None = request.state.query.get("path")
    if path is None:
        raise InvalidRequest("invalid_path", "the query must have `path`", "add ?path=/home/user/…")
    return validate_path(path)


def _mode(text: bytes | None) -> int | None:
    if text is None:
        return None
    if _MODE.fullmatch(text) is None:
        raise InvalidRequest(
            "invalid_mode", "mode must be permission bits in octal, 0 to 7777", "such as mode=755"
        )
    return int(text, 8)


_PLACE = "/api/vms/{vm_id}/files"
_ERRORS = (
    (400, "invalid_path"),
    (404, "file_not_found"),
    (409, "is_a_directory"),
    (409, "not_a_regular_file"),
    (409, "not_permitted"),
    *VM_ERRORS,
)
OPERATIONS = (
    Operation(
        "writeFile",
        "PUT",
        _PLACE,
        "Write a file, all or nothing",
        write,
        (Success(200, "It is written", {JSON: schemas.Written}),),
        body=bytes,
        query=(_PATH, _MODE_PARAMETER),
        errors=(*_ERRORS, (400, "body_cut_short"), (400, "invalid_mode"), (409, "storage_full")),
    ),
    Operation(
        "readFile",
        "GET",
        _PLACE,
        "Read a file",
        read,
        (Success(200, "Its content", {BYTES: bytes}),),
        query=(_PATH,),
        errors=_ERRORS,
    ),
    Operation(
        "deleteFile",
        "DELETE",
        _PLACE,
        "Delete a file",
        delete,
        (Success(204, "It is gone", {}),),
        query=(_PATH,),
        errors=(*_ERRORS, (409, "directory_not_empty")),
    ),
    Operation(
        "fileExists",
        "GET",
        _PLACE + "/exists",
        "Whether there is anything at a path",
        exists,
        (Success(200, "The answer", {JSON: schemas.Exists}),),
        query=(_PATH,),
        errors=((400, "invalid_path"), (409, "not_permitted"), *VM_ERRORS),
    ),
)
