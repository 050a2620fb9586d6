"""The output of a spawned process: always read, so that it never waits for a reader, and followed by any number.

A follower holds nothing but an offset. One that falls behind what is kept is told how much it missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hatchway.vm.output import OutputPipes
from hatchway.vm.output_log import OutputLog, OutputLogs
from hatchway.vm.output_share import OutputShare
from hatchway.vm.records import StreamName


class FollowedOutput:
    """What a spawned process has written.

    Args:
        pipes: the reading ends of its stdout and stderr, owned from here on.
        logs: those of its VM, which this log joins.
        share: of its VM; what is read counts for it.
        heard: told of each piece as it is read.
    """

    def __init__(
        self,
        pipes: dict[StreamName, int],
        logs: OutputLogs,
        share: OutputShare,
        heard: Callable[[StreamName, bytes], object] = lambda _stream, _data: None,
    ) -> None:
        self.log = OutputLog()
        self._logs = logs
        self._heard = heard
        self._logs.open(self.log)
        self.end_offset: int | None = None
        """Behind the last byte of the process itself, once it has ended. What it left running may write on."""
        self._discarding = False
        self._waiting: set[asyncio.Future[None]] = set()
        self._pipes = OutputPipes(pipes, self._add, share)

    @property
    def is_open(self) -> bool:
        """Whether a process still holds the writing end of one of the pipes."""
        return self._pipes.are_open

    async def more(self) -> None:
        """Wait until there is more in the log, or the process has ended. Any number may wait."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)

    def end(self) -> None:
        """The process has ended: all it wrote is in the log from here on."""
        self._pipes.read_what_is_there()
        self.end_offset = self.log.end
        if not self._discarding:
            self._logs.end(self.log)
        self._wake()

    def discard(self) -> None:
        """Drop the log, and from now on read and throw away: a process left behind must not block."""
        self._discarding = True
        self._logs.forget(self.log)
        self._wake()

    def close(self) -> None:
        """Close the pipes."""
        self._pipes.close()

    def _add(self, stream: StreamName, data: bytes) -> None:
        if data and not self._discarding:
            self._logs.add(self.log, stream, data)
            self._heard(stream, data)
            self._wake()

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
