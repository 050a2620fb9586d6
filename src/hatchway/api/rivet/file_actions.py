"""Actions on files."""

from __future__ import annotations

from typing import Any

from msgspec import field

from hatchway.api.file_queries import patterns
from hatchway.api.rivet.arguments import Arguments, Options, as_bytes, as_path
from hatchway.api.rivet.js_values import UNDEFINED
from hatchway.api.services import Services
from hatchway.api.streamed_body import once
from hatchway.errors import Conflict, HatchwayError, InvalidRequest, NotFound
from hatchway.vm.records import FileEntry, ListingEnd

MAX_FILE_BYTES = 64 * 1024 * 1024
"""The largest file that one answer holds, and the most that the files of one answer hold together."""
MAX_ENTRIES = 100_000
"""How many entries one listing holds."""

_TYPE_BITS = {"file": 0o100000, "directory": 0o040000, "symlink": 0o120000, "other": 0}
"""Of `mode` (inode(7)); a device, socket or pipe has none here."""
_OF_ONE_FILE = (Conflict, InvalidRequest, NotFound)


class _Recursive(Options):
    recursive: bool = False


class _Listing(Options):
    max_depth: int | None = None
    exclude: list[str] = field(default_factory=list)


class _Entry(Options):
    path: str
    content: Any


async def write_file(services: Services, vm: str, values: list[Any]) -> Any:
    """`writeFile(path, content)`."""
    arguments = Arguments("writeFile", values, 2)
    path, content = arguments.path(0), arguments.content(1, "content")
    await services.write_file(vm, path, once(content), None)
    return UNDEFINED


async def read_file(services: Services, vm: str, values: list[Any]) -> Any:
    """`readFile(path)`: its bytes."""
    return await _content(services, vm, Arguments("readFile", values, 1).path(0), MAX_FILE_BYTES)


async def write_files(services: Services, vm: str, values: list[Any]) -> Any:
    """`writeFiles([{path, content}])`: a result for each; folders above them are made."""
    results = []
    for entry in Arguments("writeFiles", values, 1).list(0, _Entry, "the files"):
        try:
            path = as_path(entry.path)
            await services.write_file(vm, path, once(as_bytes(entry.content, "content")), None, parents=True)
        except _OF_ONE_FILE as error:
            if error.code == "vm_not_found":
                raise
            results.append({"path": entry.path, "success": False, "error": error.message})
        else:
            results.append({"path": entry.path, "success": True})
    return results


async def read_files(services: Services, vm: str, values: list[Any]) -> Any:
    """`readFiles(paths)`: a result for each."""
    results: list[dict[str, Any]] = []
    room = MAX_FILE_BYTES
    for name in Arguments("readFiles", values, 1).list(0, str, "the paths"):
        try:
            content = await _content(services, vm, as_path(name), room)
        except _OF_ONE_FILE as error:
            if error.code == "vm_not_found":
                raise
            results.append({"path": name, "content": None, "error": error.message})
        else:
            room -= len(content)
            results.append({"path": name, "content": content})
    return results


async def mkdir(services: Services, vm: str, values: list[Any]) -> Any:
    """`mkdir(path, {recursive?})`."""
    arguments = Arguments("mkdir", values, 2)
    recursive = arguments.options(1, _Recursive).recursive
    await services.make_directory(vm, arguments.path(0), recursive=recursive, mode=None)
    return UNDEFINED


async def readdir(services: Services, vm: str, values: list[Any]) -> Any:
    """`readdir(path)`: the names in it."""
    path = Arguments("readdir", values, 1).path(0)
    return [_text(entry.path) for entry in await _list(services, vm, path, 1, [])]


async def readdir_recursive(services: Services, vm: str, values: list[Any]) -> Any:
    """`readdirRecursive(path, {maxDepth?, exclude?})`: `{path, type, size}` of each; depth 0 is the folder's own."""
    arguments = Arguments("readdirRecursive", values, 2)
    path, options = arguments.path(0), arguments.options(1, _Listing)
    if options.max_depth is not None and options.max_depth < 0:
        raise InvalidRequest("invalid_arguments", "maxDepth must be 0 or more")
    depth = None if options.max_depth is None else options.max_depth + 1
    exclude = patterns([as_bytes(each, "exclude") for each in options.exclude])
    folder = path.rstrip(b"/") + b"/"
    return [
        {"path": _text(folder + entry.path), "type": entry.kind, "size": entry.size}
        for entry in await _list(services, vm, path, depth, exclude)
    ]


async def stat(services: Services, vm: str, values: list[Any]) -> Any:
    """`stat(path)`: what there is to say of what a path leads to."""
    info = await services.file_info(vm, Arguments("stat", values, 1).path(0), follow=True)
    return {
        "mode": info.mode | _TYPE_BITS[info.kind],
        "size": info.size,
        "isDirectory": info.kind == "directory",
        "isSymbolicLink": info.kind == "symlink",
        "mtimeMs": int(info.modified_at * 1000),
        "uid": info.uid,
        "gid": info.gid,
    }


async def exists(services: Services, vm: str, values: list[Any]) -> Any:
    """`exists(path)`."""
    return await services.file_exists(vm, Arguments("exists", values, 1).path(0))


async def move(services: Services, vm: str, values: list[Any]) -> Any:
    """`move(from, to)`."""
    arguments = Arguments("move", values, 2)
    await services.move_file(vm, arguments.path(0, "from"), arguments.path(1, "to"))
    return UNDEFINED


async def delete_file(services: Services, vm: str, values: list[Any]) -> Any:
    """`deleteFile(path, {recursive?})`."""
    arguments = Arguments("deleteFile", values, 2)
    recursive = arguments.options(1, _Recursive).recursive
    await services.delete_file(vm, arguments.path(0), recursive=recursive)
    return UNDEFINED


async def _content(services: Services, vm: str, path: bytes, room: int) -> bytes:
    content = bytearray()
    async with services.read_file(vm, path) as file:
        if file.size > room:
            raise Conflict(
                "file_too_large",
                f"an answer holds at most {MAX_FILE_BYTES} bytes of files",
                "read it through a service in the VM, or by GET /api/vms/{vm_id}/files",
            )
        async for piece in file:
            content += piece
        if len(content) != file.size:
            raise HatchwayError("file_changed", "the file changed while it was read", "read it again")
    return bytes(content)


async def _list(
    services: Services, vm: str, path: bytes, depth: int | None, exclude: list[bytes]
) -> list[FileEntry]:
    entries: list[FileEntry] = []
    async with services.list_folder(vm, path, depth, exclude) as listing:
        async for some in listing:
            if isinstance(some, ListingEnd):
                return entries
            entries += some
            if len(entries) > MAX_ENTRIES:
                raise Conflict(
                    "listing_too_long",
                    f"an answer holds at most {MAX_ENTRIES:,} entries",
                    "list its folders one by one, or leave some out with exclude",
                )
    raise HatchwayError("listing_lost", "the end of the list was lost", "list it again", status=502)


def _text(path: bytes) -> str:
    return path.decode(errors="replace")


ACTIONS = {
    "deleteFile": delete_file,
    "exists": exists,
    "mkdir": mkdir,
    "move": move,
    "readFile": read_file,
    "readFiles": read_files,
    "readdir": readdir,
    "readdirRecursive": readdir_recursive,
    "stat": stat,
    "writeFile": write_file,
    "writeFiles": write_files,
}
