"""Files and folders of the client's own machine: found out about before they are sent, written when they come.

What a VM sends may be made by a hostile guest: an archive is unpacked without leaving the folder (`hatchway.archive`),
and a file or folder takes its name only when it is there as a whole.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

from hatchway.archive.descent import Descent
from hatchway.archive.member import ArchiveError
from hatchway.archive.pack import FileShrank, Packing
from hatchway.archive.unpack import OF_STRANGER, Unpacking
from hatchway.client.file_answers import Transferred
from hatchway.errors import Conflict, HatchwayError, NotFound, Unavailable
from hatchway.printable import printable

PIECE_BYTES = 256 * 1024

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Source(NamedTuple):
    """What is to be sent."""

    is_folder: bool
    size: int
    """Bytes of content, of all files together."""
    mode: int
    """Permission bits."""


@contextlib.contextmanager
def local_errors(path: Path) -> Iterator[None]:
    """Inside, what the machine's own disk does not allow is raised as a `HatchwayError`."""
    try:
        yield
    except ArchiveError as error:
        raise Unavailable(
            error.code, "what the VM sent of the folder is no archive that can be unpacked", status=502
        ) from None
    except FileShrank as error:
        raise Conflict(
            "file_changed",
            f"{_shown(path / os.fsdecode(error.path))} became shorter while it was sent",
            "send it again",
        ) from None
    except OSError as error:
        raise _local_error(error, path) from None


def look_at(path: Path) -> Source:
    """Find out what is to be sent, and that it can be read.

    Raises:
        HatchwayError: `local_file_not_found`, `local_file_not_permitted` and others, naming the file.
    """
    with local_errors(path):
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            path.open("rb").close()
            return Source(False, status.st_size, stat.S_IMODE(status.st_mode))
        if not stat.S_ISDIR(status.st_mode):
            raise Conflict(
                "not_a_regular_file", f"{_shown(path)} is a device, socket or pipe", "send a file or a folder"
            )
        root = os.open(path, _FOLDER)
    try:
        total = 0
        for entry in Descent(root, on_unreadable=lambda name, error: _refuse(path, name, error)):
            if entry.kind == "file":
                if not os.access(entry.name, os.R_OK, dir_fd=entry.folder):
                    _refuse(path, entry.path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
                total += entry.status.st_size
        return Source(True, total, stat.S_IMODE(status.st_mode))
    finally:
        os.close(root)


def read_pieces(path: Path) -> Iterator[bytes]:
    """The content of a file."""
    with local_errors(path), path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


class PackedFolder:
    """A folder as an archive. `close` it."""

    def __init__(self, path: Path) -> None:
        with local_errors(path):
            self._root = os.open(path, _FOLDER)
        self._path = path
        self._packing = Packing(on_unreadable=lambda name, error: _refuse(path, name, error))
        self._pieces = self._pack()

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the archive, once."""
        return self._pieces

    def _pack(self) -> Generator[bytes, None, None]:
        with local_errors(self._path):
            yield from self._packing.folder(self._root)

    @property
    def so_far(self) -> Transferred:
        """What has been packed."""
        return Transferred(self._packing.files, self._packing.size, self._packing.skipped)

    def close(self) -> None:
        """Let go of the folder and of whatever in it is being read. May be called again."""
        self._pieces.close()
        if self._root >= 0:
            os.close(self._root)
            self._root = -1


class NewFile:
    """A file that takes its name when it is there as a whole. `close` it."""

    def __init__(self, path: Path, mode: int) -> None:
        self._path = path
        with local_errors(path):
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            fd, self._temporary = tempfile.mkstemp(prefix=".hatchway-", dir=path.parent)
        self._file = os.fdopen(fd, "wb")
        self._mode = mode

    def write(self, piece: bytes) -> None:
        """More of its content."""
        with local_errors(self._path):
            self._file.write(piece)

    def finish(self) -> None:
        """All of it is there."""
        with local_errors(self._path):
            self._file.close()
            os.chmod(self._temporary, self._mode & 0o777 & ~_umask())
            os.replace(self._temporary, self._path)

    def close(self) -> None:
        """Remove what is unfinished. May be called again."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._temporary)


class UnpackedFolder:
    """A folder that is made of an archive: under its own name once all is there, or into one that is there already.

    `close` it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new: Path | None = None
        with local_errors(path):
            if not os.path.lexists(path):
                self._new = Path(tempfile.mkdtemp(prefix=".hatchway-", dir=path.parent))
                self._new.chmod(0o777 & ~_umask())
            self._root = os.open(self._new or path, _FOLDER)
        self._unpacking = Unpacking(self._root, OF_STRANGER, is_new=self._new is not None)

    def feed(self, piece: bytes) -> None:
        """More of the archive."""
        with local_errors(self._path):
            self._unpacking.feed(piece)

    def finish(self) -> None:
        """All of it is there."""
        with local_errors(self._path):
            self._unpacking.finish()
            if self._new is not None:
                os.rename(self._new, self._path)
                self._new = None

    @property
    def so_far(self) -> Transferred:
        """What has been unpacked."""
        done = self._unpacking
        return Transferred(done.files, done.size, done.skipped + done.left_out)

    def close(self) -> None:
        """Remove what is unfinished. May be called again."""
        self._unpacking.close()
        if self._root >= 0:
            os.close(self._root)
            self._root = -1
        if self._new is not None:
            shutil.rmtree(self._new, ignore_errors=True)
            self._new = None


def _umask() -> int:
    """The process's umask. It can only be read by setting it, so from /proc instead (proc_pid_status(5))."""
    try:
        with open("/proc/self/status", "rb") as status:
            return next(int(line.split()[1], 8) for line in status if line.startswith(b"Umask:"))
    except (OSError, StopIteration):
        return 0o022


def _shown(path: Path) -> str:
    """A path as a message has it: names need not be text, and may hold what a terminal would obey."""
    return printable(str(path), one_line=True)


def _refuse(path: Path, name: bytes, error: OSError) -> None:
    raise _local_error(error, path / os.fsdecode(name))


def _local_error(error: OSError, path: Path) -> HatchwayError:
    reason = error.strerror or "it cannot be used"
    message = f"{_shown(path)}: {reason}"
    if isinstance(error, FileNotFoundError):
        return NotFound("local_file_not_found", message, "check the path on this machine")
    if isinstance(error, PermissionError):
        return Conflict("local_file_not_permitted", message, "check its permissions on this machine")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Conflict("local_disk_full", message, "make room on this machine")
    return Conflict("local_file_failed", message, "check the path on this machine")
