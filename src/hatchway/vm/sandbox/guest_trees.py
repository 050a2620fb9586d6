"""Whole folders of a guest: removing one, and copying one to another file system. Work of `guest_worker`.

Other processes of the guest may change the folder meanwhile. No link is followed, a few descriptors are enough however
deep it is, and what cannot be done is an error.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from hatchway.archive.descent import Descent, open_folder
from hatchway.vm.sandbox import syscalls

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_EXTRA_ROUNDS = 100
"""How often, in all of a tree, a folder is emptied once more because others have put something into it."""
_COPY_BYTES = 1024 * 1024

Name = str | bytes


class _Level:
    """A folder on the way down, to be removed once what is in it is gone."""

    def __init__(self, name: Name, identity: tuple[int, int]) -> None:
        self.name = name
        self.identity = identity
        self.folders: list[str] = []
        self.rounds = 0


def remove(folder: int, name: Name, check: Callable[[], None]) -> None:
    """Remove a file, link or folder, with all that is in it.

    Args:
        folder: the folder that it is in, open.
        name: its name there.
        check: called at each step.

    Raises:
        OSError: what stood in the way; some of it may be gone.
    """
    if not _is_folder(folder, name):
        os.unlink(name, dir_fd=folder)
        return
    levels: list[_Level] = []
    extra_rounds = 0
    here = os.dup(folder)
    try:
        here = _enter(here, name, levels)
        while levels:
            level = levels[-1]
            check()
            if not level.folders:
                level.rounds += 1  # one for what is in it, one to see that nothing is
                extra_rounds += level.rounds > 2
                if extra_rounds > _EXTRA_ROUNDS:
                    raise OSError(errno.ENOTEMPTY, "")
                level.folders = _remove_files(here, check)
            if level.folders:
                try:
                    here = _enter(here, level.folders.pop(), levels)
                except (FileNotFoundError, NotADirectoryError):
                    pass  # others removed it, or replaced it by a file: the next round sees
                continue
            here = _leave(here, levels, folder)
            try:
                os.rmdir(level.name, dir_fd=here)
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                here = _enter(here, level.name, levels)
                levels[-1].rounds = level.rounds
    finally:
        os.close(here)


def _enter(here: int, name: Name, levels: list[_Level]) -> int:
    inner = os.open(name, _FOLDER, dir_fd=here)
    levels.append(_Level(name, _identity(inner)))
    os.close(here)
    return inner


def _leave(here: int, levels: list[_Level], top: int) -> int:
    """Go back up. A folder that others have moved elsewhere meanwhile is under another one now: not that one's turn."""
    levels.pop()
    outer = os.open("..", _FOLDER, dir_fd=here)
    if _identity(outer) != (levels[-1].identity if levels else _identity(top)):
        os.close(outer)
        raise OSError(errno.EBUSY, "")
    os.close(here)
    return outer


def _remove_files(folder: int, check: Callable[[], None]) -> list[str]:
    """Remove what is no folder; the names of the folders."""
    folders = []
    with os.scandir(folder) as scan:
        for entry in scan:
            check()
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
                continue
            try:
                os.unlink(entry.name, dir_fd=folder)
            except FileNotFoundError:
                pass  # others were faster
            except IsADirectoryError:
                folders.append(entry.name)  # it has become one meanwhile
    return folders


def copy(source: int, name: Name, target: int, new_name: str, check: Callable[[], None]) -> None:
    """Copy a file, link, pipe, socket or folder with all that is in it.

    Its content, modes and times, and its owners as far as may be. A file with two names becomes two.

    Args:
        source: the folder that it is in, open.
        name: its name there.
        target: the folder of the copy, open.
        new_name: the copy's name there, not taken.
        check: called at each step.

    Raises:
        OSError: something of it could not be copied; what was is to be removed.
    """
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode):
        _copy_one(source, name, status, target, new_name, check)
        return
    os.mkdir(new_name, 0o700, dir_fd=target)
    root, copied = os.open(name, _FOLDER, dir_fd=source), os.open(new_name, _FOLDER, dir_fd=target)
    folders = [(b"", status)]
    parent, parent_path = os.dup(copied), b""
    try:
        # Nothing may be left behind: what cannot be read is an error, and so is a file system of the kernel's.
        descent = Descent(root, enters=_is_ordinary, on_unreadable=_raise)
        for entry in descent:
            check()
            above = os.path.dirname(entry.path)
            if above != parent_path:
                os.close(parent)
                parent, parent_path = -1, above
                parent = open_folder(copied, above)
            if entry.kind == "directory":
                os.mkdir(entry.name, 0o700, dir_fd=parent)
                folders.append((entry.path, entry.status))
            else:
                _copy_one(entry.folder, entry.name, entry.status, parent, entry.name, check)
        for path, found in reversed(folders):
            folder = open_folder(copied, path)
            try:
                _dress(folder, found)
            finally:
                os.close(folder)
    finally:
        for fd in (root, copied, parent):
            if fd >= 0:
                os.close(fd)


def _copy_one(
    source: int, name: Name, status: os.stat_result, target: int, new_name: str, check: Callable[[], None]
) -> None:
    """Copy something that is no folder."""
    if stat.S_ISREG(status.st_mode):
        _copy_file(source, name, target, new_name, check)
        return
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(os.fsdecode(name), dir_fd=source), new_name, dir_fd=target)
    else:
        os.mknod(new_name, status.st_mode, status.st_rdev, dir_fd=target)  # EPERM for a device
    _own(new_name, status, dir_fd=target, follow_symlinks=False)
    os.utime(new_name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=target, follow_symlinks=False)


def _copy_file(source: int, name: Name, target: int, new_name: str, check: Callable[[], None]) -> None:
    original = os.open(name, _READ, dir_fd=source)
    try:
        status = os.fstat(original)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EBUSY, "")  # others have replaced it meanwhile
        copied = os.open(new_name, _NEW_FILE, 0o600, dir_fd=target)
        try:
            _copy_content(original, copied, check)
            _dress(copied, status)
        finally:
            os.close(copied)
    finally:
        os.close(original)


def _copy_content(original: int, copied: int, check: Callable[[], None]) -> None:
    """Copy what is in a file; its holes stay holes (lseek(2), SEEK_DATA)."""
    end = 0
    while True:
        try:
            start = os.lseek(original, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break
        end = os.lseek(original, start, os.SEEK_HOLE)
        os.lseek(copied, start, os.SEEK_SET)
        while start < end:
            check()
            step = os.sendfile(copied, original, start, min(_COPY_BYTES, end - start))
            if not step:
                break
            start += step
    os.ftruncate(copied, os.fstat(original).st_size)


def _dress(fd: int, status: os.stat_result) -> None:
    _own(fd, status)
    os.fchmod(
        fd, stat.S_IMODE(status.st_mode)
    )  # after the owner: a change of that takes bits away (chown(2))
    os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))


def _own(path: int | str, status: os.stat_result, **where: object) -> None:
    try:
        os.chown(path, status.st_uid, status.st_gid, **where)  # type: ignore[arg-type]
    except OSError:
        pass  # an owner that this VM does not have: the copy is root's


def _is_folder(folder: int, name: Name) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _identity(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def _is_ordinary(folder: int) -> bool:
    if syscalls.is_procfs(folder):
        raise OSError(errno.EACCES, "kind")
    return True


def _raise(_path: bytes, error: OSError) -> None:
    raise error
