"""The pipes of a process's output, and that of a command as it comes, held back when nobody reads it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from collections import deque
from collections.abc import Callable

from hatchway.vm.output_share import OutputShare
from hatchway.vm.records import Output, StreamName

MAX_UNREAD_BYTES = 256 * 1024
"""How much output is held for a slow reader before the command itself has to wait."""

_READ_BYTES = 64 * 1024


class OutputPipes:
    """The reading ends of a process's stdout and stderr.

    Args:
        pipes: by stream; owned from here on.
        take: called with the stream and each piece that is read of it; with empty bytes at its end.
        share: what is read counts for it. None: whoever reads on is slow enough.
    """

    def __init__(
        self,
        pipes: dict[StreamName, int],
        take: Callable[[StreamName, bytes], None],
        share: OutputShare | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._pipes = dict(pipes)
        self._take = take
        self._share = share
        for fd in self._pipes.values():
            os.set_blocking(fd, False)
        self.resume()

    @property
    def are_open(self) -> bool:
        """Whether a process still holds the writing end of one of them."""
        return bool(self._pipes)

    def resume(self) -> None:
        """Read what comes."""
        self.are_read = True
        for name, fd in self._pipes.items():
            self._loop.add_reader(fd, self._readable, name, fd)

    def limit(self, share: OutputShare) -> None:
        """From now on what is read counts for `share`."""
        self._share = share

    def pause(self) -> None:
        """Read no more: whoever writes is held up once the pipe is full."""
        self.are_read = False
        for fd in self._pipes.values():
            self._loop.remove_reader(fd)

    def read_what_is_there(self) -> None:
        """Read what they hold at this moment.

        For the end of a process: what it wrote is in the pipes by then, and what it left running may keep them open, or
        write to them, for ever.
        """
        for name, fd in list(self._pipes.items()):
            waiting: int = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))[0]
            while waiting > 0 and (data := self._read(name, fd, waiting)):
                waiting -= len(data)
            if waiting <= 0:
                self._read(name, fd)  # the end, unless something was left running: close it at once

    def close(self) -> None:
        """Close them."""
        for name, fd in list(self._pipes.items()):
            self._end(name, fd)

    def _readable(self, name: StreamName, fd: int) -> None:
        if self._share is None:
            self._read(name, fd)
        elif self._share.is_used_up():
            self._loop.remove_reader(fd)
            self._share.wait(lambda: self._read_on(name, fd))
        else:
            self._share.spend(len(self._read(name, fd)))

    def _read_on(self, name: StreamName, fd: int) -> None:
        if self.are_read and self._pipes.get(name) == fd:  # else it was closed meanwhile
            self._loop.add_reader(fd, self._readable, name, fd)
            self._readable(name, fd)

    def _read(self, name: StreamName, fd: int, size: int = _READ_BYTES) -> bytes:
        try:
            data = os.read(fd, size)
        except BlockingIOError:
            return b""
        if data:
            self._take(name, data)
        else:
            self._end(name, fd)
        return data

    def _end(self, name: StreamName, fd: int) -> None:
        self._loop.remove_reader(fd)
        os.close(fd)
        del self._pipes[name]
        self._take(name, b"")


class OutputQueue:
    """What a command has written and its one reader has not read yet.

    Args:
        pipes: the reading ends of its stdout and stderr, owned by the queue from here on.
        share: what is thrown away counts for it.
    """

    def __init__(self, pipes: dict[StreamName, int], share: OutputShare) -> None:
        self._share = share
        self._events: deque[Output] = deque()
        self._unread = 0
        self._changed = asyncio.Event()
        self._discarding = False
        self._pipes = OutputPipes(pipes, self._add)

    @property
    def is_open(self) -> bool:
        """Whether a process still holds the writing end of one of the pipes."""
        return self._pipes.are_open

    def take(self) -> Output | None:
        """The next piece of output, or None if there is none now."""
        if not self._events:
            return None
        event = self._events.popleft()
        self._unread -= len(event.data)
        if not self._pipes.are_read and self._unread <= MAX_UNREAD_BYTES // 2:
            self._pipes.resume()
        return event

    async def changed(self) -> None:
        """Wait until there was output or an end since the last call."""
        await self._changed.wait()
        self._changed.clear()

    def end(self) -> None:
        """The command has ended: what it wrote can be taken from here on."""
        self._pipes.read_what_is_there()
        self._changed.set()

    def discard(self) -> None:
        """From now on read and throw away: a process left behind must neither block nor die of its output."""
        self._discarding = True
        self._events.clear()
        self._unread = 0
        self._pipes.limit(self._share)
        self._pipes.resume()

    def close(self) -> None:
        """Close the pipes."""
        self._pipes.close()

    def _add(self, stream: StreamName, data: bytes) -> None:
        if data and not self._discarding:
            self._events.append(Output(stream, data))
            self._unread += len(data)
            if self._pipes.are_read and self._unread > MAX_UNREAD_BYTES:
                self._pipes.pause()
        self._changed.set()
