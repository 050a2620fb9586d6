"""What a declared service has written: on the server's disk, rotated, and followed by any number.

Two files: the one that grows and the one before it. Offsets count the bytes of both; they begin anew with the server.
The writes are of pages that the kernel keeps, so they take microseconds and are made in the event loop.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

MAX_FILE_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024


class ServiceLog:
    """The log of one service.

    Args:
        path: of the file that grows; its folder is made with the first write. The one before it has `.1` appended.
        max_file_bytes: a file that has grown beyond is rotated.
    """

    def __init__(self, path: Path, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self._path = path
        self._old_path = path.with_name(path.name + ".1")
        self._max = max_file_bytes
        self._start = 0
        """The offset of the first byte kept: the old file's."""
        self._current = self._start + _size(self._old_path)
        """The offset of the current file's first byte."""
        self._end = self._current + _size(path)
        self._more: asyncio.Future[None] | None = None
        self._closed = False

    def write(self, data: bytes) -> None:
        """Append some bytes. A disk that is full loses them: the service must not stop for it."""
        if self._closed or not data:
            return
        try:
            if self._end - self._current >= self._max:
                os.replace(self._path, self._old_path)
                self._start, self._current = self._current, self._end
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._end += os.write(fd, data)
            finally:
                os.close(fd)
        except OSError:
            return
        self._wake()

    def note(self, text: str) -> None:
        """Append a line of the server's own."""
        self.write(f"[hatchway] {text}\n".encode(errors="replace"))

    async def read(self, *, follow: bool) -> AsyncGenerator[bytes, None]:
        """What is kept, oldest first.

        Args:
            follow: go on with what comes, until the service is removed.
        """
        offset, stop = self._start, self._end
        while True:
            offset = max(offset, self._start)
            piece = self._read(offset)
            if not follow:
                piece = piece[: max(0, stop - offset)]
            if piece:
                yield piece
                offset += len(piece)
            elif offset < self._current:
                offset = self._current  # somebody has deleted the old file
            elif not follow or self._closed:
                return
            else:
                await self._wait()

    def remove(self) -> None:
        """Delete both files; whoever follows is at the end."""
        self._closed = True
        self._path.unlink(missing_ok=True)
        self._old_path.unlink(missing_ok=True)
        self._wake()

    def _read(self, offset: int) -> bytes:
        path, begin = (
            (self._path, self._current) if offset >= self._current else (self._old_path, self._start)
        )
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return os.pread(fd, _READ_BYTES, offset - begin)
        finally:
            os.close(fd)

    async def _wait(self) -> None:
        if self._more is None:
            self._more = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._more)

    def _wake(self) -> None:
        more, self._more = self._more, None
        if more is not None:
            more.set_result(None)


def remove_logs(folder: Path) -> None:
    """Delete all logs of a VM that is no more."""
    shutil.rmtree(folder, ignore_errors=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
