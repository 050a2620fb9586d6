"""Operations on what is where: asking about files, folders and links, making, moving and deleting them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hatchway.api import file_queries as queries
from hatchway.api import file_schemas as schemas
from hatchway.api.bodies import no_content, write_json
from hatchway.api.disconnect import unless_disconnected
from hatchway.api.file_errors import FILE_ERRORS
from hatchway.api.operation import JSON, Operation, Success, flag_parameter
from hatchway.api.query import read_flag
from hatchway.api.services import Services
from hatchway.api.targets import vm_id


async def stat(services: Services, request: Request) -> Response:
    """Say what is at a path."""
    query = request.state.query
    follow = read_flag(query, "follow", default=True)
    info = await services.file_info(vm_id(request), queries.path(query), follow=follow)
    return write_json(schemas.FileStat.of(info))


async def exists(services: Services, request: Request) -> Response:
    """Say whether there is anything at a path."""
    found = await services.file_exists(vm_id(request), queries.path(request.state.query))
    return write_json(schemas.Exists(found))


async def make_directory(services: Services, request: Request) -> Response:
    """Make a folder."""
    query = request.state.query
    await services.make_directory(
        vm_id(request),
        queries.path(query),
        recursive=read_flag(query, "recursive"),
        mode=queries.mode(query),
    )
    return no_content()


async def move(services: Services, request: Request) -> Response:
    """Move a file, folder or link."""
    query = request.state.query
    moving = services.move_file(vm_id(request), queries.path(query, "from"), queries.path(query, "to"))
    await unless_disconnected(request.receive, moving)
    return no_content()


async def delete(services: Services, request: Request) -> Response:
    """Delete a file, folder or link."""
    query = request.state.query
    deleting = services.delete_file(
        vm_id(request), queries.path(query), recursive=read_flag(query, "recursive")
    )
    await unless_disconnected(request.receive, deleting)
    return no_content()


_PLACE = "/api/vms/{vm_id}/files"
OPERATIONS = (
    Operation(
        "deleteFile",
        "DELETE",
        _PLACE,
        "Delete a file, a symbolic link itself, or a folder",
        delete,
        (Success(204, "It is gone", {}),),
        query=(
            queries.PATH,
            flag_parameter("recursive", "A folder with all that is in it; else it must be empty."),
        ),
        errors=(*FILE_ERRORS, (409, "directory_not_empty")),
    ),
    Operation(
        "statFile",
        "GET",
        _PLACE + "/stat",
        "Say what is at a path",
        stat,
        (Success(200, "What is there", {JSON: schemas.FileStat}),),
        query=(
            queries.PATH,
            flag_parameter("follow", "Whether a symbolic link means what it leads to.", default=True),
        ),
        errors=FILE_ERRORS,
    ),
    Operation(
        "fileExists",
        "GET",
        _PLACE + "/exists",
        "Whether there is anything at a path",
        exists,
        (Success(200, "The answer", {JSON: schemas.Exists}),),
        query=(queries.PATH,),
        errors=FILE_ERRORS,
    ),
    Operation(
        "makeDirectory",
        "POST",
        _PLACE + "/mkdir",
        "Make a folder",
        make_directory,
        (Success(204, "It is there", {}),),
        query=(
            queries.PATH,
            queries.MODE,
            flag_parameter("recursive", "Make those above it too, and be content with one that is there."),
        ),
        errors=(*FILE_ERRORS, (400, "invalid_mode"), (409, "already_exists"), (409, "storage_full")),
    ),
    Operation(
        "moveFile",
        "POST",
        _PLACE + "/move",
        "Move a file, folder or link as rename(2) does, also to another file system of the VM",
        move,
        (Success(204, "It is moved", {}),),
        query=(queries.SOURCE, queries.TARGET),
        errors=(
            *FILE_ERRORS,
            (409, "directory_not_empty"),
            (409, "file_changed"),
            (409, "is_a_directory"),
            (409, "not_a_regular_file"),
            (409, "storage_full"),
        ),
    ),
)
