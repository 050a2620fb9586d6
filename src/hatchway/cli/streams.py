"""Standard input, output and error as bytes: nothing is decoded, and nothing is held back."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import TextIO

from hatchway.errors import HatchwayError, InvalidRequest

Write = Callable[[bytes], object]
"""What takes bytes."""

CHUNK_BYTES = 64 * 1024
"""How much of standard input is taken at a time: what a pipe holds (pipe(7))."""


def write_out(data: bytes) -> None:
    """Write to standard output, at once.

    Raises:
        BrokenPipeError: whoever read it is gone.
        HatchwayError: `output_failed`, for anything else, such as a full disk.
    """
    _write(sys.stdout, data, "standard output")


def write_err(data: bytes) -> None:
    """The same for standard error."""
    _write(sys.stderr, data, "standard error")


def _write(stream: TextIO | None, data: bytes, name: str) -> None:
    if stream is None:  # Python's way to say that the descriptor was closed when it started
        raise HatchwayError("output_failed", f"{name} is closed", "redirect it to /dev/null instead")
    try:
        stream.flush()  # what was written as text comes first
        stream.buffer.write(data)
        stream.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise HatchwayError(
            "output_failed",
            f"{name} cannot be written: {error.strerror}",
            "check where it goes, and that there is room",
        ) from None


def leave_unread() -> None:
    """Nobody reads standard output any more: what is still held back for it must not be told as an error at the end."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


async def read_in() -> AsyncIterator[bytes]:
    """Standard input to its end, in pieces as they come.

    It is read in a thread that nobody waits for: a terminal or pipe on which nothing comes must not keep the command
    from ending. At most one piece is read ahead.

    Raises:
        InvalidRequest: `input_failed`.
    """
    if sys.stdin is None:
        return
    descriptor = sys.stdin.fileno()
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    wanted = threading.Semaphore(1)

    def read() -> None:
        data: bytes | OSError = b"?"
        while data and not isinstance(data, OSError):
            wanted.acquire()
            try:
                data = os.read(descriptor, CHUNK_BYTES)
            except OSError as error:
                data = error
            try:
                loop.call_soon_threadsafe(pieces.put_nowait, data)
            except RuntimeError:  # the loop is closed: nobody wants it any more
                return

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while piece := await pieces.get():
        if isinstance(piece, OSError):
            raise InvalidRequest("input_failed", f"standard input cannot be read: {piece.strerror}")
        wanted.release()
        yield piece
