"""What a VM's folder takes of the host's disk, measured from outside.

The tree is the guest's work, and may change meanwhile. No link is followed, no file is opened; two descriptors are
enough however deep it is. A folder that was moved away is noticed on the way back up, and ends the measure. A folder
that its owner may not read is made readable for as long as it is measured.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

BLOCK_BYTES = 512
"""The unit of `st_blocks` (stat(2)), whatever the file system's own."""

_READABLE = stat.S_IRUSR | stat.S_IXUSR
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def measure(folder: Path, is_stopped: Callable[[], bool] = bool) -> int:
    """The bytes that are allocated for all that lies below `folder`, with itself. Blocks: to be called in a thread.

    Files that were deleted while a process has them open are not in it. A file with several names counts once, if all
    of them are below; what cannot be read counts nothing.

    Args:
        folder: where to begin.
        is_stopped: says that nobody waits for the result any more: what was found by then is told.
    """
    try:
        place = _Place(os.open(folder, _FLAGS))
    except OSError:
        return 0
    try:
        return place.size + _measure_below(place, is_stopped)
    finally:
        os.close(place.fd)


class _Place:
    """Where a measure is: a folder, by a descriptor, and what is left to do in it and in those above."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.size = os.fstat(fd).st_blocks * BLOCK_BYTES
        self.identities = [_identity(fd)]
        self.modes: list[int | None] = [None]
        """Those to be given back to folders that were closed to their owner."""
        self.pending: list[list[str]] = []

    def enter(self, name: str) -> bool:
        """Go down into a folder; False if it cannot be."""
        opened = _open_below(self.fd, name)
        if opened is None:
            return False
        os.close(self.fd)
        self.fd, mode = opened
        self.identities.append(_identity(self.fd))
        self.modes.append(mode)
        return True

    def leave(self) -> bool:
        """Go up again; False at the top, and if the folder was moved meanwhile."""
        mode = self.modes.pop()
        self.identities.pop()
        if not self.identities:
            return False
        above = os.open("..", _FLAGS, dir_fd=self.fd)
        _close_again(self.fd, mode)
        os.close(self.fd)
        self.fd = above
        return _identity(above) == self.identities[-1]


def _measure_below(place: _Place, is_stopped: Callable[[], bool]) -> int:
    total = 0
    try:
        while True:
            size, folders = _entries(place.fd)
            total += size
            place.pending.append(folders)
            while True:
                if is_stopped():
                    for names in place.pending:
                        names.clear()  # on the way up what was opened is closed again
                if place.pending[-1]:
                    if place.enter(place.pending[-1].pop()):
                        break
                else:
                    place.pending.pop()
                    if not place.leave():
                        return total
    except OSError:
        return total


def _entries(folder: int) -> tuple[int, list[str]]:
    """The bytes of what is in a folder, and the names of the folders among it."""
    size, folders = 0, []
    with os.scandir(folder) as scan:
        for entry in scan:
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(found.st_mode):
                size += found.st_blocks * BLOCK_BYTES
                folders.append(entry.name)
            else:
                size += found.st_blocks * BLOCK_BYTES // max(found.st_nlink, 1)
    return size, folders


def _open_below(parent: int, name: str) -> tuple[int, int | None] | None:
    """A folder's descriptor, and the mode to be given back to it, if it had to be changed; None if it cannot be had."""
    try:
        return os.open(name, _FLAGS, dir_fd=parent), None
    except PermissionError:
        pass
    except OSError:
        return None
    # An ordinary user is not let into folders of its own of mode 000, and guest root is.
    try:
        path_fd = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except OSError:
        return None
    try:
        itself = f"/proc/self/fd/{path_fd}"
        mode = stat.S_IMODE(os.fstat(path_fd).st_mode)
        os.chmod(itself, mode | _READABLE)
        return os.open(itself, _FLAGS & ~os.O_NOFOLLOW), mode
    except OSError:
        return None
    finally:
        os.close(path_fd)


def _close_again(fd: int, mode: int | None) -> None:
    """Give a folder its mode back, unless the guest has set another meanwhile."""
    if mode is not None and stat.S_IMODE(os.fstat(fd).st_mode) == mode | _READABLE:
        os.fchmod(fd, mode)


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
