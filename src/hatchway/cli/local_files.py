"""Files of the user's own machine, and what can be wrong with them, told as anything else."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from hatchway.errors import HatchwayError

_HINTS = {
    errno.ENOENT: "check the path; the folder that a file is to be in must exist",
    errno.ENOTDIR: "check the path: a file in it is used as if it were a folder",
    errno.EISDIR: "give the path of a file",
    errno.EACCES: "check who may read and write there",
    errno.EPERM: "check who may read and write there",
    errno.EROFS: "this file system cannot be written to; choose another folder",
    errno.ENOSPC: "free some space, or choose a folder on another disk",
    errno.EDQUOT: "free some space, or choose a folder on another disk",
}


def local_error(path: str, error: OSError) -> HatchwayError:
    """What went wrong with a file of this machine. It is the user's own, so its path may be told."""
    reason = os.strerror(error.errno) if error.errno else "it cannot be used"
    return HatchwayError(
        "local_file_failed", f"{path} (on this machine): {reason}", _HINTS.get(error.errno or 0, "")
    )


@contextmanager
def reading(path: str) -> Iterator[BinaryIO]:
    """Open a file for reading.

    Raises:
        HatchwayError: `local_file_failed`, also for what goes wrong inside the block.
    """
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise local_error(path, error) from None


@contextmanager
def writing_whole(path: str) -> Iterator[BinaryIO]:
    """Open a file to be written as a whole: it takes its name at the end of the block, and is gone if that fails.

    What is no regular file, such as /dev/null or a pipe, is written to as it is.

    Raises:
        HatchwayError: `local_file_failed`, also for what goes wrong inside the block.
    """
    try:
        if is_special(path):
            with open(path, "wb") as file:
                yield file
            return
        target = os.path.realpath(path)  # a link leads on to what it stands for
        folder, name = os.path.split(target)
        if os.path.isdir(target) or path.endswith("/"):
            raise IsADirectoryError(errno.EISDIR, "")
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name[:100]}.", suffix=".part", dir=folder)
        try:
            with open(descriptor, "wb") as file:
                yield file
                os.fchmod(file.fileno(), _mode(target))
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise local_error(path, error) from None


def is_folder_here(path: str) -> bool:
    """Whether there is a folder at `path` on this machine, or a link to one."""
    return os.path.isdir(path)


def is_special(path: str) -> bool:
    """Whether there is something at `path` that is neither a file nor a folder: a device, a pipe, a socket."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _mode(target: str) -> int:
    """The permission bits of a file that is replaced, or those that a new one would have."""
    try:
        return stat.S_IMODE(os.stat(target).st_mode)
    except OSError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask
