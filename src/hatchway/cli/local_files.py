"""Files of the user's own machine: what is there, and writing one whole."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hatchway.cli.streams import Write
from hatchway.client.local_files import NewFile, local_errors


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


@contextmanager
def reading(path: str) -> Iterator[BinaryIO]:
    """Open a file for reading.

    Raises:
        HatchwayError: `local_file_not_found` and others, also for what goes wrong inside the block.
    """
    with local_errors(Path(path)), open(path, "rb") as file:
        yield file


@contextmanager
def writing_whole(path: str) -> Iterator[Write]:
    """Write a file as a whole: it takes its name at the end of the block, and is gone if that fails.

    What is no regular file, such as /dev/null or a pipe, is written to as it is, and a link is written through.

    Raises:
        HatchwayError: `local_file_not_found`, `local_disk_full` and others.
    """
    if is_special(path):
        with local_errors(Path(path)), open(path, "wb") as file:
            yield file.write
        return
    with local_errors(Path(path)):
        if path.endswith("/"):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        target = Path(os.path.realpath(path))
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666
    new = NewFile(target, mode)
    try:
        yield new.write
        new.finish()
    finally:
        new.close()
