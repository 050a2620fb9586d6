"""What a worker of a guest says through its pipe (`sandbox.frames`): read when it is asked for, and not believed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import msgspec

from hatchway.archive.member import FAULTS, ArchiveError
from hatchway.errors import HatchwayError, Unavailable
from hatchway.vm.guest_errors import file_error
from hatchway.vm.sandbox import frames
from hatchway.vm.sandbox.channel import Answer, Channel, GuestRefusal

_READ_BYTES = 64 * 1024

ErrorOf = Callable[[GuestRefusal], HatchwayError]
"""What a refusal by the guest means to the user who asked."""


class _Failure(msgspec.Struct):
    errno: int
    what: str
    fault: str
    done: tuple[int, ...]


class End(msgspec.Struct):
    """The end of work that was done. Which fields are set depends on the work."""

    entries: int = 0
    bytes: int = 0
    skipped: int = 0
    unreadable: int = 0


class GuestStream:
    """The server's end of a worker's pipes. A context manager; leaving it ends the worker, if it has not ended.

    Args:
        channel: to the guest.
        output: what the worker writes to.
        input: what it reads from, or -1.
        error_of: what its refusals mean.
    """

    def __init__(self, channel: Channel, output: int, input: int, error_of: ErrorOf) -> None:  # noqa: A002
        self._channel = channel
        self._output = output
        self._input = input
        self._error_of = error_of
        self._parser = frames.FrameParser()
        self._frames: deque[tuple[bytes, bytes]] = deque()
        for fd in (output, input):
            if fd >= 0:
                os.set_blocking(fd, False)

    def close(self) -> None:
        """Let go of the worker. May be called again."""
        for fd in (self._output, self._input):
            if fd >= 0:
                os.close(fd)
        self._output = self._input = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def frame(self, wanted: bytes) -> bytes | End:
        """The next frame: the content of one of the wanted kind, or the end.

        Raises:
            HatchwayError: why the work was not done; `vm_failed` for what is no frame that belongs here; `vm_stopped`.
        """
        while not self._frames:
            data = await self._read()
            if not data:
                raise await self._ended_early()
            try:
                self._frames.extend(self._parser.feed(data))
            except ValueError:
                raise wrong_answer() from None
        kind, payload = self._frames.popleft()
        if kind == frames.FAILURE:
            raise self._failure(payload)
        try:
            if kind == frames.END:
                return msgspec.json.decode(payload, type=End)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise wrong_answer() from None
        if kind != wanted or not payload:
            raise wrong_answer()
        return payload

    async def end(self) -> End:
        """Wait for the end of work that says nothing else."""
        end = await self.frame(frames.END)
        assert isinstance(end, End)
        return end

    async def send(self, chunks: AsyncIterator[bytes]) -> None:
        """Give the worker all of its input. One that does not want it has ended, and has said why."""
        try:
            async for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    try:
                        view = view[os.write(self._input, view) :]
                    except BlockingIOError:
                        await _until_writable(self._input)
        except BrokenPipeError:
            pass
        os.close(self._input)
        self._input = -1

    async def _read(self) -> bytes:
        while True:
            try:
                data = os.read(self._output, _READ_BYTES)
            except BlockingIOError:
                await _until_readable(self._output)
                continue
            await asyncio.sleep(0)  # a pipe that is never empty must not keep the event loop for itself
            return data

    async def _ended_early(self) -> HatchwayError:
        """Why the pipe has ended without a word."""
        try:
            await self._channel.ask("stat", path="/", follow=True)
        except GuestRefusal:
            pass
        except Unavailable as error:
            return error  # the VM has stopped
        return Unavailable(
            "vm_failed",
            "the VM's own part of this ended before it was done",
            "something in the VM may have killed it, or its memory is full; try again",
        )

    def _failure(self, payload: bytes) -> HatchwayError:
        try:
            failure = msgspec.json.decode(payload, type=_Failure)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return wrong_answer()
        entries, size = failure.done if len(failure.done) == 2 else (None, 0)
        for fault in FAULTS:
            if failure.fault == fault:
                return ArchiveError(fault, entries, size)
        if failure.what == "shrank":
            return Unavailable("file_changed", "a file became shorter while it was read", "try again")
        error = self._error_of(GuestRefusal(failure.errno, failure.what))
        if entries is not None:
            error.details = {"entries": entries, "bytes": size}
        return error


@asynccontextmanager
async def begin_work(
    channel: Channel, op: str, *, takes_input: bool = False, error_of: ErrorOf = file_error, **fields: object
) -> AsyncIterator[GuestStream | None]:
    """Ask guest init for work that a worker does.

    Args:
        channel: to the guest.
        op: the operation.
        takes_input: whether the worker reads something.
        error_of: what refusals mean.
        fields: the rest of the request.

    Yields:
        What the worker says; None where no worker was needed, because it was done at once.
    """

    def take(_answer: Answer, fds: list[int]) -> GuestStream | None:
        if not fds and not takes_input:
            return None
        if not _are_pipes(fds, takes_input=takes_input):
            for fd in fds:
                os.close(fd)
            raise wrong_answer()
        return GuestStream(channel, fds[0], fds[1] if takes_input else -1, error_of)

    def undo(stream: GuestStream | None) -> None:
        if stream is not None:
            stream.close()

    try:
        stream = await channel.request_and_take(op, take, undo, **fields)
    except GuestRefusal as refusal:
        raise error_of(refusal) from None
    if stream is None:
        yield None
    else:
        with stream:
            yield stream


def worker_of(stream: GuestStream | None) -> GuestStream:
    """The worker of work that always needs one."""
    if stream is None:
        raise wrong_answer()
    return stream


def wrong_answer() -> Unavailable:
    """The error for what no guest init of ours says."""
    return Unavailable("vm_failed", "the VM gave a wrong answer")


def _are_pipes(fds: list[int], *, takes_input: bool) -> bool:
    """Whether they are what was asked for: the reading end of a pipe, and perhaps the writing end of another."""
    modes = [os.O_RDONLY, os.O_WRONLY] if takes_input else [os.O_RDONLY]
    return len(fds) == len(modes) and all(
        stat.S_ISFIFO(os.fstat(fd).st_mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == mode
        for fd, mode in zip(fds, modes, strict=True)
    )


async def _until_readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)


async def _until_writable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(fd)
