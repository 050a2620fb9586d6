"""The standard input of a running process: written in the order of the callers, as fast as the process reads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Callable

from hatchway.errors import Conflict, HatchwayError

Refusal = Callable[[int], HatchwayError]
"""The error of a write of which the pipe has taken that many bytes."""

_GRACE_SECONDS = 0.1
"""A process that ends closes its input a moment before its end is known. So long its writers are not told the less."""


class InputPipe:
    """The writing end of a process's standard input.

    Each write is whole and follows the one before it. A write that is cancelled stops where it is: what the pipe has
    taken by then stays written, and nothing else of it follows.

    Args:
        fd: the pipe, owned from here on.
        whole: all of the input: it is written, and the pipe is closed behind it. None: it stays open.
        refusal: what is said once it is closed, until `end` says otherwise; `stdin_closed` by default.
    """

    def __init__(self, fd: int, whole: bytes | None = None, refusal: Refusal | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._turn = asyncio.Lock()
        self._writers: set[asyncio.Timeout] = set()
        """Those who write or wait for their turn. Each is over once nobody will read, whatever it waits for."""
        self._left = memoryview(whole or b"")
        """What of the piece that is being written the pipe has not taken."""
        self._taken: asyncio.Future[None] | None = None
        """Done when it has, or never will."""
        self._closing = whole is not None
        self._refusal: Refusal = refusal or stdin_closed
        os.set_blocking(fd, False)
        if self._closing:
            self._loop.add_writer(fd, self._flush)

    @property
    def is_open(self) -> bool:
        """Whether it still holds the pipe."""
        return self._fd >= 0

    async def write(self, chunks: AsyncIterable[bytes]) -> int:
        """Write what `chunks` yields, after those who came before.

        Returns:
            How many bytes those were. All of them are in the pipe; how many the process has read, nobody knows.

        Raises:
            Conflict: `stdin_closed`, `process_ended`; `details` has how many bytes the pipe had taken, as `written`.
        """
        written = 0
        if self._closing:
            raise self._refusal(written)
        try:
            async with asyncio.timeout(None) as while_open:
                self._writers.add(while_open)
                async with self._turn:
                    async for chunk in chunks:
                        self._left = memoryview(chunk)
                        try:
                            await self._all_taken()
                        finally:
                            written += len(chunk) - len(self._left)
                            self._left = self._left[:0]
        except TimeoutError:
            if not while_open.expired():
                raise  # from the chunks
            raise self._refusal(written) from None
        finally:
            self._writers.discard(while_open)
            self._close_if_done()
        return written

    def close(self) -> None:
        """Take no further write, and close the pipe behind those that were made before."""
        self._closing = True
        self._close_if_done()

    def end(self, refusal: Refusal) -> None:
        """Close the pipe at once: nobody will read what was not read yet.

        Args:
            refusal: what those who write are told from here on.
        """
        self._closing, self._refusal = True, refusal
        self._let_go()
        self._refuse_writers(after=0.0)

    async def _all_taken(self) -> None:
        self._flush()
        if not self._left:
            return
        self._taken = self._loop.create_future()
        try:
            if self.is_open:
                self._loop.add_writer(self._fd, self._flush)
            await self._taken
        finally:
            self._taken = None
            if self.is_open:
                self._loop.remove_writer(self._fd)

    def _flush(self) -> None:
        """Write what the pipe takes now."""
        try:
            if self._left:
                self._left = self._left[os.write(self._fd, self._left) :]
        except BlockingIOError:
            return
        except OSError:  # EPIPE: the process has closed its end
            self._closing = True
            self._let_go()
            self._refuse_writers(after=_GRACE_SECONDS)
            return
        if not self._left:
            if self._taken is not None and not self._taken.done():
                self._taken.set_result(None)
            self._close_if_done()

    def _close_if_done(self) -> None:
        if self._closing and not self._writers and not self._left:
            self._let_go()

    def _let_go(self) -> None:
        if self.is_open:
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _refuse_writers(self, *, after: float) -> None:
        for writer in self._writers:
            if not writer.expired():
                writer.reschedule(self._loop.time() + after)


def stdin_closed(written: int) -> HatchwayError:
    """The error for writing to a standard input that was closed, by either side."""
    return Conflict(
        "stdin_closed",
        "the process's standard input is closed",
        "it was given whole when the process was spawned, was closed since, or the process itself closed it",
        details={"written": written},
    )


def process_ended(written: int) -> HatchwayError:
    """The error for writing to a process that has ended."""
    return Conflict(
        "process_ended",
        "the process has ended",
        "its output and its exit code are still there",
        details={"written": written},
    )
