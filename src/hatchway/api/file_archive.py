"""Folders of a VM as tar archives, both ways."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from hatchway.api import file_queries as queries
from hatchway.api import file_schemas as schemas
from hatchway.api.bodies import write_json
from hatchway.api.file_errors import FILE_ERRORS
from hatchway.api.guest_bytes import GuestBytesAnswer
from hatchway.api.operation import JSON, TAR, Operation, Success
from hatchway.api.services import Services
from hatchway.api.targets import vm_id


async def pack(services: Services, request: Request) -> ASGIApp:
    """Send a folder as an archive."""
    return GuestBytesAnswer(services.archive(vm_id(request), queries.path(request.state.query)), TAR)


async def unpack(services: Services, request: Request) -> Response:
    """Unpack the request's body into a folder."""
    path = queries.path(request.state.query)
    # An archive says itself where it ends: of one that is cut short, the VM knows what was done before.
    unpacked = await services.unpack(vm_id(request), path, request.stream())
    return write_json(schemas.UnpackedArchive.of(unpacked))


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
