"""A folder or file as the bytes of an archive, in pieces, in memory that does not grow with it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from hatchway.archive import writer
from hatchway.archive.descent import Descent, Entry
from hatchway.archive.member import Member, MemberKind

PIECE_BYTES = 256 * 1024
"""How much is read at a time. A file of up to this is read before its header is written, so that both agree."""

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class FileShrank(Exception):  # noqa: N818 - it says what happened
    """A file became shorter while it was packed, and its entry can no longer be finished.

    Args:
        path: relative to the folder.
    """

    def __init__(self, path: bytes) -> None:
        super().__init__(path)
        self.path = path


class Packing:
    """One archive. Ask it for the bytes of a folder or of a file, once.

    Files, folders and links are packed; a file with more than one name under each of them, holes as zeros. A file is as
    long as it was when it was opened.

    Args:
        enters: as for `Descent`.
        on_unreadable: told of each file and folder that cannot be read. It is left out, unless this raises.
    """

    def __init__(
        self,
        *,
        enters: Callable[[int], bool] | None = None,
        on_unreadable: Callable[[bytes, OSError], object] | None = None,
    ) -> None:
        self._enters = enters
        self._on_unreadable = on_unreadable
        self._pending = bytearray()
        self.files = 0
        """How many files have been packed."""
        self.size = 0
        """How many bytes of content."""
        self.skipped = 0
        """How many devices, sockets and pipes were left out, and what could not be read."""

    def folder(self, root: int) -> Iterator[bytes]:
        """The archive of a folder, open: what is in it, and itself as the last entry.

        Raises:
            FileShrank: and the archive is to be thrown away.
        """
        for entry in Descent(root, enters=self._enters, on_unreadable=self._is_unreadable):
            if entry.kind == "file":
                yield from self._named_file(entry)
            elif entry.kind == "directory":
                self._add(entry, "directory")
            elif entry.kind == "symlink":
                self._add_link(entry)
            else:
                self.skipped += 1
            if len(self._pending) >= PIECE_BYTES:
                yield self._take_pending()
        status = os.fstat(root)
        itself = Member(b".", "directory", mode=stat.S_IMODE(status.st_mode), mtime=int(status.st_mtime))
        # Last, because only now is known what was left out.
        self._pending += writer.header(itself, b"skipped=%d" % self.skipped)
        self._pending += writer.END
        yield self._take_pending()

    def file(self, file: int, name: bytes) -> Iterator[bytes]:
        """The archive of one regular file, open for reading.

        Raises:
            FileShrank: and the archive is to be thrown away.
        """
        yield from self._content(file, name)
        self._pending += writer.END
        yield self._take_pending()

    def _named_file(self, entry: Entry) -> Iterator[bytes]:
        try:
            file = os.open(entry.name, _FILE, dir_fd=entry.folder)
        except FileNotFoundError:
            return  # gone meanwhile
        except OSError as error:
            self._is_unreadable(entry.path, error)
            return
        try:
            if stat.S_ISREG(os.fstat(file).st_mode):  # else it was replaced meanwhile
                yield from self._content(file, entry.path)
        finally:
            os.close(file)

    def _content(self, file: int, path: bytes) -> Iterator[bytes]:
        status = os.fstat(file)
        size = status.st_size
        first = b""
        if size <= PIECE_BYTES:
            try:
                first = _read(file, size)
            except OSError as error:
                self._is_unreadable(path, error)
                return
            size = len(first)
        member = Member(path, "file", size, stat.S_IMODE(status.st_mode), int(status.st_mtime))
        self._pending += writer.header(member)
        self._pending += first
        left = size - len(first)
        while left:
            piece = _read(file, min(left, PIECE_BYTES))
            if not piece:
                raise FileShrank(path)
            left -= len(piece)
            self._pending += piece
            self.size += len(piece)
            if len(self._pending) >= PIECE_BYTES:
                yield self._take_pending()
        self._pending += writer.padding(size)
        self.files += 1
        self.size += len(first)

    def _add(self, entry: Entry, kind: MemberKind, target: bytes = b"") -> None:
        status = entry.status
        self._pending += writer.header(
            Member(entry.path, kind, 0, stat.S_IMODE(status.st_mode), int(status.st_mtime), target)
        )

    def _add_link(self, entry: Entry) -> None:
        try:
            target = os.fsencode(os.readlink(entry.name, dir_fd=entry.folder))
        except OSError:
            return  # gone or replaced meanwhile
        self._add(entry, "symlink", target)

    def _take_pending(self) -> bytes:
        taken = bytes(self._pending)
        self._pending.clear()
        return taken

    def _is_unreadable(self, path: bytes, error: OSError) -> None:
        self.skipped += 1
        if self._on_unreadable is not None:
            self._on_unreadable(path, error)


def _read(file: int, size: int) -> bytes:
    """Up to `size` bytes, fewer only at the end of the file."""
    data = os.read(file, size)
    while data and len(data) < size:
        more = os.read(file, size - len(data))
        if not more:
            break
        data += more
    return data
