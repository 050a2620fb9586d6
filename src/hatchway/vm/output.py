"""The pipes of a running command: its output as it comes, held back when nobody reads it, and its standard input."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from collections import deque
from collections.abc import Mapping

from hatchway.vm.records import Output, StreamName
from hatchway.vm.tail import Tail

MAX_UNREAD_BYTES = 256 * 1024
"""How much output is held for a slow reader before the command itself has to wait."""

_READ_BYTES = 64 * 1024


class OutputQueue:
    """What a command has written and nobody has read yet.

    Args:
        pipes: the reading ends of its stdout and stderr, owned by the queue from here on.
        tails: given all that is read of a stream, what is thrown away too.
    """

    def __init__(self, pipes: dict[StreamName, int], tails: Mapping[StreamName, Tail] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._pipes = dict(pipes)
        self._tails = dict(tails or {})
        self._events: deque[Output] = deque()
        self._unread = 0
        self._changed = asyncio.Event()
        self._reading = False
        self._discarding = False
        for fd in self._pipes.values():
            os.set_blocking(fd, False)
        self._resume()

    @property
    def is_open(self) -> bool:
        """Whether a process still holds the writing end of one of the pipes."""
        return bool(self._pipes)

    def take(self) -> Output | None:
        """The next piece of output, or None if there is none now."""
        if not self._events:
            return None
        event = self._events.popleft()
        self._unread -= len(event.data)
        if not self._reading and self._unread <= MAX_UNREAD_BYTES // 2:
            self._resume()
        return event

    def wake(self) -> None:
        """Make whoever waits look again."""
        self._changed.set()

    async def changed(self) -> None:
        """Wait until there was output, an end, or a `wake` since the last call."""
        await self._changed.wait()
        self._changed.clear()

    def read_what_is_there(self) -> None:
        """Read what the pipes hold at this moment.

        For the end of a command: what it wrote is in the pipes by then, and what it left running may keep them open, or
        write to them, for ever.
        """
        for name, fd in list(self._pipes.items()):
            waiting: int = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))[0]
            while waiting > 0 and (data := self._read_pipe(name, fd, waiting)):
                waiting -= len(data)
            if waiting <= 0:
                self._read_pipe(name, fd)  # the end, unless something was left running: close it at once

    def discard(self) -> None:
        """From now on read and throw away: a process left behind must neither block nor die of its output."""
        self._discarding = True
        self._events.clear()
        self._unread = 0
        self._resume()

    def close(self) -> None:
        """Close the pipes."""
        for name, fd in list(self._pipes.items()):
            self._end_pipe(name, fd)

    def _resume(self) -> None:
        self._reading = True
        for name, fd in self._pipes.items():
            self._loop.add_reader(fd, self._read_pipe, name, fd)

    def _pause(self) -> None:
        self._reading = False
        for fd in self._pipes.values():
            self._loop.remove_reader(fd)

    def _read_pipe(self, name: StreamName, fd: int, size: int = _READ_BYTES) -> bytes:
        try:
            data = os.read(fd, size)
        except BlockingIOError:
            return b""
        if data and name in self._tails:
            self._tails[name].add(data)
        if not data:
            self._end_pipe(name, fd)
        elif not self._discarding:
            self._events.append(Output(name, data))
            self._unread += len(data)
            if self._reading and self._unread > MAX_UNREAD_BYTES:
                self._pause()
        self._changed.set()
        return data

    def _end_pipe(self, name: StreamName, fd: int) -> None:
        self._loop.remove_reader(fd)
        os.close(fd)
        del self._pipes[name]
        self._changed.set()


class InputWriter:
    """Writes a whole standard input and closes it. A command that ends without reading all of it is no error."""

    def __init__(self, fd: int, data: bytes) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._left = memoryview(data)
        os.set_blocking(fd, False)
        self._loop.add_writer(fd, self._write)

    def close(self) -> None:
        """Close the pipe, whether all was written or not."""
        if self._fd >= 0:
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _write(self) -> None:
        try:
            if self._left:
                self._left = self._left[os.write(self._fd, self._left) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._left = self._left[:0]
        if not self._left:
            self.close()
