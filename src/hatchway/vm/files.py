"""Reading and writing files inside the VM's view: guest init opens them, the server moves the bytes.

Writing is all or nothing: the bytes go to a new file, which takes the old one's place once they are all there.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

from hatchway.errors import Unavailable
from hatchway.vm.background import Background
from hatchway.vm.guest_errors import file_error, storage_full
from hatchway.vm.sandbox.channel import Answer, Channel, GuestRefusal

T = TypeVar("T")

CHUNK_BYTES = 256 * 1024
_INLINE_BYTES = 64 * 1024
"""Up to here the page cache answers faster than a thread could be woken."""


class OpenFile:
    """A file open for reading. Iterate over it for its chunks."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self.size = size
        """Bytes, when it was opened; exactly that many are read."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self.size
        while left > 0:
            wanted = min(left, CHUNK_BYTES)
            if self.size <= _INLINE_BYTES:
                chunk = os.read(self._fd, wanted)
            else:
                chunk = await _in_thread(os.read, self._fd, wanted)
            if not chunk:
                raise Unavailable(
                    "file_changed", "the file became shorter while it was read", "read it again"
                )
            left -= len(chunk)
            yield chunk


@asynccontextmanager
async def open_file(channel: Channel, path: bytes) -> AsyncIterator[OpenFile]:
    """Open a file of the VM for reading.

    Raises:
        HatchwayError: `file_not_found`, `is_a_directory`, `not_a_regular_file` and others.
    """
    try:
        _answer, fds = await channel.request("open", path=os.fsdecode(path))
    except GuestRefusal as refusal:
        raise file_error(refusal) from None
    fd = _only(fds)
    try:
        yield OpenFile(fd, os.fstat(fd).st_size)
    finally:
        os.close(fd)


async def write_file(
    channel: Channel, path: bytes, chunks: AsyncIterator[bytes], mode: int | None, *, parents: bool = False
) -> int:
    """Write a file of the VM, all or nothing.

    Args:
        channel: to the VM.
        path: absolute, inside the VM.
        chunks: the contents. If this raises, nothing is changed.
        mode: permission bits; None keeps those of an existing file, and gives a new one 0644.
        parents: whether folders above it that are not there are made. They stay if the write fails.

    Returns:
        How many bytes were written.
    """
    try:
        new = await channel.request_and_take(
            "create",
            _take_new_file,
            lambda new: new.abandon(channel),
            path=os.fsdecode(path),
            mode=mode,
            parents=parents,
        )
    except GuestRefusal as refusal:
        raise file_error(refusal) from None
    try:
        try:
            written = await _write_chunks(new.fd, chunks)
        finally:
            os.close(new.fd)
        # A cancelled caller may find the file written or not, but never half of it.
        await asyncio.shield(channel.ask("commit", handle=new.handle))
    except GuestRefusal as refusal:
        raise file_error(refusal) from None
    except BaseException:
        await asyncio.shield(_discard(channel, new.handle))
        raise
    return written


class _NewFile(NamedTuple):
    """A file being written, not yet under its own name."""

    fd: int
    handle: int

    def abandon(self, channel: Channel) -> None:
        """Nobody waits for it any more."""
        os.close(self.fd)
        _discards.start(_discard(channel, self.handle))


_discards = Background()


def _take_new_file(answer: Answer, fds: list[int]) -> _NewFile:
    return _NewFile(_only(fds), answer.handle)


async def _write_chunks(fd: int, chunks: AsyncIterator[bytes]) -> int:
    written = 0
    async for chunk in chunks:
        if len(chunk) <= _INLINE_BYTES and written <= _INLINE_BYTES:
            _write_all(fd, chunk)
        else:
            await _in_thread(_write_all, fd, chunk)
        written += len(chunk)
    return written


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:  # ours alone: one that the caller's chunks raise is passed on as it is
        raise storage_full() from None


async def _in_thread(function: Callable[..., T], *arguments: object) -> T:
    """Call in another thread, and wait for it even when cancelled.

    The call goes on whoever waits; were the fd closed under it, it would read or write whatever gets that number next.
    """
    call = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait([call])
        call.exception()
        raise


async def _discard(channel: Channel, handle: int) -> None:
    try:
        await channel.ask("discard", handle=handle)
    except (GuestRefusal, Unavailable):
        pass  # committed already, or the guest has ended and took it along


def _only(fds: list[int]) -> int:
    """The one fd of an answer, if it is a regular file: guest init is not believed."""
    if len(fds) == 1 and stat.S_ISREG(os.fstat(fds[0]).st_mode):
        return fds[0]
    for fd in fds:
        os.close(fd)
    raise Unavailable("vm_failed", "the VM gave a wrong answer")
