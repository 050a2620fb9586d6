"""Paths of requests, as guest init resolves them: inside the guest, and never through the links of /proc that jump."""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

from hatchway.vm.sandbox import syscalls

NEW_FOLDER_MODE = 0o755

_FOLDER_PATH = os.O_PATH | os.O_DIRECTORY


class Place(NamedTuple):
    """Where a path leads, its last name not looked at."""

    folder: int
    """The folder that it is in, open with O_PATH; owned by whoever asked."""
    name: bytes
    is_folder: bool
    """Whether the path says so itself, by a slash at its end."""

    def status(self) -> os.stat_result:
        """What is there, of a link the link itself. Raises ENOTDIR where the path says that it is a folder."""
        found = os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        if self.is_folder and not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "")
        return found

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self.folder)


def find_place(path: bytes) -> Place:
    """The place of a path. Raises EBUSY for the root, which is in no folder."""
    names = _names(path)
    if not names:
        raise OSError(errno.EBUSY, "")
    parent = b"/" + b"/".join(names[:-1])
    folder = syscalls.open_without_magic_links(parent, _FOLDER_PATH)
    return Place(folder, names[-1], path.endswith((b"/", b"/.")))


def open_folder(path: bytes) -> int:
    """Open a folder for reading.

    Raises:
        OSError: ENOTDIR `folder` for anything else; EACCES `kind` for one of the kernel's in /proc.
    """
    found = syscalls.open_without_magic_links(path, os.O_PATH)
    try:
        if not stat.S_ISDIR(os.fstat(found).st_mode):
            raise OSError(errno.ENOTDIR, "folder")
        return open_for_reading(found)
    finally:
        os.close(found)


def open_for_reading(folder: int) -> int:
    """Open a folder for reading that is open with O_PATH. Raises EACCES `kind` for one of the kernel's in /proc."""
    if syscalls.is_procfs(folder):
        raise OSError(errno.EACCES, "kind")
    return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)


def make_folders(path: bytes, mode: int | None = None) -> tuple[int, bool]:
    """Make a folder and those above it, as far as they are not there.

    Args:
        path: the folder. Links to folders are followed.
        mode: the permission bits of that folder, if it is made; None: as for any new folder.

    Returns:
        The folder, open with O_PATH, and whether it was made.
    """
    names = _names(path)
    folder = os.open("/", _FOLDER_PATH | os.O_CLOEXEC)
    made = False
    for depth, name in enumerate(names, 1):
        try:
            inner, made = _open_or_make(folder, name, mode if depth == len(names) else None)
        finally:
            os.close(folder)
        folder = inner
    return folder, made


def make_folder(folder: int, name: bytes, mode: int | None) -> None:
    """Make a folder in another. A mode that is given is exactly what it gets."""
    os.mkdir(name, NEW_FOLDER_MODE if mode is None else mode, dir_fd=folder)
    if mode is not None:
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fchmod(made, mode)
        finally:
            os.close(made)


def _open_or_make(folder: int, name: bytes, mode: int | None) -> tuple[int, bool]:
    made = False
    try:
        return syscalls.open_without_magic_links(name, _FOLDER_PATH, folder=folder), made
    except FileNotFoundError:
        pass
    try:
        make_folder(folder, name, mode)
        made = True
    except FileExistsError:
        pass  # somebody else was faster, or it is a link that leads nowhere
    return syscalls.open_without_magic_links(name, _FOLDER_PATH, folder=folder), made


def _names(path: bytes) -> list[bytes]:
    """The names in a path. It has no `..`, so what it means does not depend on what is there."""
    return [name for name in path.split(b"/") if name not in {b"", b"."}]
