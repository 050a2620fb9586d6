"""What a VM's folder takes of the host's disk, measured from outside.

The tree is the guest's work, and may change meanwhile. No link is followed, no file is opened; two descriptors are
enough however deep it is. A folder that was moved away is noticed on the way back up, and ends the measure.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        here = os.open(folder, _FLAGS)
    except OSError:
        return 0
    total = os.fstat(here).st_blocks * BLOCK_BYTES
    identities: list[tuple[int, int]] = []
    pending: list[list[str]] = []
    try:
        while not is_stopped():
            size, folders = _entries(here)
            total += size
            identities.append(_identity(here))
            pending.append(folders)
            below = None
            while below is None:
                while pending and not pending[-1]:
                    pending.pop()
                    identities.pop()
                    if not pending:
                        return total
                    above = os.open("..", _FLAGS, dir_fd=here)
                    os.close(here)
                    here = above
                    if _identity(here) != identities[-1]:
                        return total  # it was moved meanwhile: the next measure is as good
                below = _open_below(here, pending[-1].pop())
            os.close(here)
            here = below
        return total
    except OSError:
        return total
    finally:
        os.close(here)


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


def _open_below(parent: int, name: str) -> int | None:
    try:
        return os.open(name, _FLAGS, dir_fd=parent)
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
        with _readable(path_fd) as itself:
            return os.open(itself, _FLAGS & ~os.O_NOFOLLOW)
    except OSError:
        return None
    finally:
        os.close(path_fd)


@contextmanager
def _readable(path_fd: int) -> Iterator[str]:
    """A folder, for a moment readable by its owner; its name by way of its descriptor."""
    itself = f"/proc/self/fd/{path_fd}"
    mode = stat.S_IMODE(os.fstat(path_fd).st_mode)
    os.chmod(itself, mode | _READABLE)
    try:
        yield itself
    finally:
        os.chmod(itself, mode)


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
