"""Folders of a VM as tar archives, both ways."""

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
from hatchway.api.files import OF_A_GUEST
from hatchway.api.operation import JSON, TAR, Operation, Success
from hatchway.api.services import Services
from hatchway.api.targets import vm_id


async def pack(services: Services, request: Request) -> ASGIApp:
    """Send a folder as an archive."""
    return _ArchiveAnswer(services, vm_id(request), queries.path(request.state.query))


async def unpack(services: Services, request: Request) -> Response:
    """Unpack the request's body into a folder."""
    path = queries.path(request.state.query)
    # An archive says itself where it ends: of one that is cut short, the VM knows what was done before.
    unpacked = await services.unpack(vm_id(request), path, request.stream())
    return write_json(schemas.UnpackedArchive.of(unpacked))


class _ArchiveAnswer:
    """The archive; begun before the answer is, so that what stands in the way is a refusal."""

    def __init__(self, services: Services, vm: str, path: bytes) -> None:
        self._services, self._vm, self._path = services, vm, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._services.archive(self._vm, self._path) as pieces:
            headers = Response(headers=OF_A_GUEST, media_type=TAR).raw_headers
            headers = [header for header in headers if header[0] != b"content-length"]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if scope["method"] != "HEAD":
                await unless_disconnected(receive, _send(pieces, send))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(pieces: AsyncIterator[bytes], send: Send) -> None:
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})


_PLACE = "/api/vms/{vm_id}/files/archive"
OPERATIONS = (
    Operation(
        "packFolder",
        "GET",
        _PLACE,
        "Read a folder, or one file, as an uncompressed tar archive, with names relative to the folder",
        pack,
        (Success(200, "The archive; one that is cut has no end", {TAR: bytes}),),
        query=(queries.PATH,),
        errors=(*FILE_ERRORS, (409, "not_a_regular_file")),
    ),
    Operation(
        "unpackFolder",
        "PUT",
        _PLACE,
        "Unpack a tar archive into a folder, which is made if it is not there",
        unpack,
        (Success(200, "It is unpacked", {JSON: schemas.UnpackedArchive}),),
        body=bytes,
        query=(queries.PATH,),
        errors=(
            *FILE_ERRORS,
            (400, "archive_cut_short"),
            (400, "invalid_archive"),
            (409, "file_changed"),
            (409, "is_a_directory"),
            (409, "not_a_regular_file"),
            (409, "storage_full"),
        ),
    ),
)
