"""A folder's entries, found without following a link, whoever changes the folder meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from hatchway.archive.names import MAX_PATH_BYTES

EntryKind = Literal["file", "directory", "symlink", "other"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""What opening a folder gives that was removed, or replaced by a file or link."""


class Entry(NamedTuple):
    """Something in a folder."""

    path: bytes
    """Relative to the folder whose descent it is."""
    kind: EntryKind
    status: os.stat_result
    """Of a link, its own (lstat(2))."""
    folder: int
    """The folder that it is in, open until the next entry is asked for."""
    name: str
    """Its name there, as `os.fsdecode` gives it."""


class Descent:
    """Every entry of a folder, and of the folders in it: each folder before what is in it. To be iterated once.

    Args:
        root: the folder, open.
        max_depth: 1: the folder's own entries alone; None: all.
        excludes: given an entry's relative path and whether it is a folder; true leaves it out, with all that is in it.
        enters: given a folder, open; false leaves out what is in it.
        on_unreadable: told of each folder that cannot be read, or lies too deep for any path.
    """

    def __init__(
        self,
        root: int,
        *,
        max_depth: int | None = None,
        excludes: Callable[[bytes, bool], bool] | None = None,
        enters: Callable[[int], bool] | None = None,
        on_unreadable: Callable[[bytes, OSError], object] | None = None,
    ) -> None:
        self._root = root
        self._max_depth = max_depth
        self._excludes = excludes
        self._enters = enters
        self._on_unreadable = on_unreadable
        self.unreadable = 0
        """How many folders could not be read."""

    def __iter__(self) -> Iterator[Entry]:
        waiting = [(b"", 1)]
        while waiting:
            path, depth = waiting.pop()
            for entry in self._entries(path):
                yield entry
                if entry.kind == "directory" and (self._max_depth is None or depth < self._max_depth):
                    if len(entry.path) > MAX_PATH_BYTES:
                        self._is_unreadable(entry.path, OSError(errno.ENAMETOOLONG, ""))
                    else:
                        waiting.append((entry.path, depth + 1))

    def _entries(self, path: bytes) -> Iterator[Entry]:
        try:
            folder = open_folder(self._root, path)
        except OSError as error:
            if error.errno not in _GONE:
                self._is_unreadable(path, error)
            return
        try:
            if self._enters is not None and not self._enters(folder):
                return
            with os.scandir(folder) as scan:
                for found in scan:
                    entry = self._entry(path, folder, found)
                    if entry is not None:
                        yield entry
        except OSError as error:
            self._is_unreadable(path, error)
        finally:
            os.close(folder)

    def _is_unreadable(self, path: bytes, error: OSError) -> None:
        self.unreadable += 1
        if self._on_unreadable is not None:
            self._on_unreadable(path, error)

    def _entry(self, path: bytes, folder: int, found: os.DirEntry[str]) -> Entry | None:
        name = os.fsencode(found.name)
        relative = path + b"/" + name if path else name
        try:
            if self._excludes is not None and self._excludes(relative, found.is_dir(follow_symlinks=False)):
                return None
            status = found.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None  # gone meanwhile
        return Entry(relative, kind_of(status.st_mode), status, folder, found.name)


def open_folder(root: int, path: bytes) -> int:
    """Open a folder below another, name by name, so that no link is followed. The empty path is `root` itself."""
    folder = os.open(".", _FOLDER, dir_fd=root)
    for name in path.split(b"/") if path else ():
        try:
            inner = os.open(name, _FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder


def kind_of(mode: int) -> EntryKind:
    """What a file is, by its `st_mode`."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(mode) else "other"
