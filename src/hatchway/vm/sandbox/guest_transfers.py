"""The work of a guest's workers on files: listing, packing and unpacking, moving and removing."""

from __future__ import annotations

import errno
import os
import stat

from hatchway.archive.descent import Descent
from hatchway.archive.member import ArchiveError
from hatchway.archive.pack import Packing
from hatchway.archive.unpack import OF_OWNER, Unpacking
from hatchway.vm.sandbox import guest_trees, syscalls
from hatchway.vm.sandbox.globs import Globs
from hatchway.vm.sandbox.guest_paths import Place
from hatchway.vm.sandbox.guest_worker import Outlet

_READ_BYTES = 256 * 1024


def tell_entries(outlet: Outlet, folder: int, max_depth: int | None, excluded: list[bytes]) -> None:
    """Tell of everything in a folder, as far as `max_depth` and not what a pattern of `excluded` matches."""
    globs = Globs(excluded)

    def excludes(path: bytes, is_folder: bool) -> bool:
        outlet.check()
        return globs.match(path, is_folder)

    descent = Descent(folder, max_depth=max_depth, excludes=excludes, enters=_is_ordinary)
    for entry in descent:
        outlet.entry(entry.kind, entry.status.st_size, entry.path)
    outlet.end(entries=outlet.entries, unreadable=descent.unreadable)


def pack(outlet: Outlet, found: int, name: bytes) -> None:
    """Send a folder or file, open, as an archive. What cannot be read is left out and counted in it."""
    packing = Packing(enters=_is_ordinary)
    is_folder = stat.S_ISDIR(os.fstat(found).st_mode)
    for piece in packing.folder(found) if is_folder else packing.file(found, name):
        outlet.data(piece)
    outlet.end(entries=packing.files, bytes=packing.size, skipped=packing.skipped)


def unpack(outlet: Outlet, inlet: int, folder: int, *, is_new: bool) -> None:
    """Unpack the archive that comes through `inlet` into a folder, open."""
    unpacking = Unpacking(folder, OF_OWNER, is_new=is_new)
    try:
        while data := os.read(inlet, _READ_BYTES):
            unpacking.feed(data)
        unpacking.finish()
    except ArchiveError as error:
        unpacking.close()
        outlet.fail(errno.EINVAL, fault=error.fault, done=(unpacking.entries, unpacking.whole_size))
    except OSError as error:
        unpacking.close()
        outlet.fail(error.errno or errno.EIO, "unpack", done=(unpacking.entries, unpacking.whole_size))
    else:
        unpacking.close()
        outlet.end(entries=unpacking.entries, bytes=unpacking.size, skipped=unpacking.skipped)


def remove(outlet: Outlet, place: Place) -> None:
    """Remove what is at a place, with all that is in it."""
    guest_trees.remove(place.folder, place.name, outlet.check)
    outlet.end()


def move(outlet: Outlet, source: Place, target: Place) -> None:
    """Move to another file system: copy beside the target, rename, and only then remove."""
    _check_target(source, target)
    temporary = ".hatchway-" + os.urandom(8).hex()
    try:
        guest_trees.copy(source.folder, source.name, target.folder, temporary, outlet.check)
        _rename(temporary, target)
    except OSError:
        _remove_copy(target.folder, temporary)
        raise
    guest_trees.remove(source.folder, source.name, _go_on)
    outlet.end()


def _check_target(source: Place, target: Place) -> None:
    """Refuse before the work what rename(2) would refuse after it."""
    try:
        there = os.stat(target.name, dir_fd=target.folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(source.status().st_mode):
        if stat.S_ISDIR(there.st_mode):
            raise OSError(errno.EISDIR, "move")
        return
    if not stat.S_ISDIR(there.st_mode):
        raise OSError(errno.ENOTDIR, "move")
    opened = os.open(target.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=target.folder)
    try:
        with os.scandir(opened) as scan:
            if next(scan, None) is not None:
                raise OSError(errno.ENOTEMPTY, "move")
    finally:
        os.close(opened)


def _rename(temporary: str, target: Place) -> None:
    try:
        os.rename(temporary, target.name, src_dir_fd=target.folder, dst_dir_fd=target.folder)
    except OSError as error:
        raise OSError(error.errno, "move") from None


def _remove_copy(folder: int, temporary: str) -> None:
    try:
        guest_trees.remove(folder, temporary, _go_on)
    except OSError:
        pass  # it was not begun, or others have removed it


def _go_on() -> None:
    """What is begun here is finished, whether anybody waits for it or not: half of it would be worse."""


def _is_ordinary(folder: int) -> bool:
    """Whether a folder is one of files: /proc is the kernel's, without end, and different for whoever looks."""
    return not syscalls.is_procfs(folder)
