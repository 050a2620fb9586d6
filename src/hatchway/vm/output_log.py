"""The last of what a process has written, for any number of readers, at a bounded cost. Pure.

Offsets count the bytes of stdout and stderr together, in the order in which they were read, from 0. The oldest are
dropped first: within each log, and over all logs of a VM, which share a budget. What was dropped is counted.

A log holds its bytes in segments, and of each segment where the stream changes. So output that changes stream with
every byte costs three times its size, and any other hardly more than its size.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque

from hatchway.vm.records import DroppedOutput, KeptOutput, StreamName

MAX_LOG_BYTES = 1024 * 1024
"""How much of one process's output is kept."""

MAX_LOGS_BYTES = 16 * 1024 * 1024
"""How much is kept of all processes in one VM."""

SEGMENT_BYTES = 32 * 1024  # positions in it fit in the 16 bits of an array("H")

MAX_PIECES = 256
"""How many pieces one read gives at most, however small they are."""


class _Segment:
    """Consecutive bytes, and where their stream changes."""

    __slots__ = ("_ends", "_first", "data", "offset")

    def __init__(self, offset: int, first: StreamName) -> None:
        self.offset = offset
        self.data = bytearray()
        self._first = first
        self._ends = array("H")
        """Where each run of one stream ends; runs of the two streams take turns."""

    def add(self, stream: StreamName, data: memoryview) -> None:
        self.data += data
        if self._ends and self._stream(len(self._ends) - 1) == stream:
            self._ends[-1] = len(self.data)
        else:
            self._ends.append(len(self.data))

    def slice(self, start: int, end: int) -> bytes:
        return bytes(memoryview(self.data)[start:end])

    def run_at(self, position: int) -> tuple[StreamName, int]:
        """The stream of the byte at `position`, and where its run ends."""
        index = bisect_right(self._ends, position)
        return self._stream(index), self._ends[index]

    def run_before(self, position: int) -> tuple[StreamName, int]:
        """The stream of the byte before `position`, and where its run begins."""
        index = bisect_right(self._ends, position - 1)
        return self._stream(index), self._ends[index - 1] if index else 0

    def _stream(self, index: int) -> StreamName:
        if index % 2 == 0:
            return self._first
        return "stderr" if self._first == "stdout" else "stdout"


class OutputLog:
    """The last bytes of one process's output.

    Args:
        limit: how many bytes are kept.
        segment_bytes: how many are dropped from memory together.
    """

    def __init__(self, limit: int = MAX_LOG_BYTES, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._limit = limit
        self._segment_bytes = segment_bytes
        self._segments: deque[_Segment] = deque()
        self._written: dict[StreamName, int] = {"stdout": 0, "stderr": 0}
        self.start = 0
        """The offset of the first byte that is kept: how many were dropped."""
        self.end = 0
        """The offset behind the last byte: how many there were."""

    @property
    def kept(self) -> int:
        """How many bytes are kept."""
        return self.end - self.start

    def add(self, stream: StreamName, data: bytes) -> None:
        """The process wrote more."""
        self._written[stream] += len(data)
        rest = memoryview(data)
        while rest:
            if not self._segments or len(self._segments[-1].data) >= self._segment_bytes:
                self._segments.append(_Segment(self.end, stream))
            last = self._segments[-1]
            part = rest[: self._segment_bytes - len(last.data)]
            last.add(stream, part)
            self.end += len(part)
            rest = rest[len(part) :]
        self.drop(self.kept - self._limit)

    def drop(self, count: int) -> int:
        """Drop the oldest bytes, at most `count`. How many those were."""
        count = min(max(count, 0), self.kept)
        self.start += count
        while self._segments and self._segments[0].offset + len(self._segments[0].data) <= self.start:
            self._segments.popleft()
        return count

    def read(self, offset: int, most: int) -> list[KeptOutput | DroppedOutput]:
        """What follows `offset`: at most `most` bytes in at most `MAX_PIECES` pieces, each of one stream.

        If what `offset` stands for was dropped, the first piece says so. Nothing for the end, and beyond it.
        """
        pieces: list[KeptOutput | DroppedOutput] = []
        if offset < self.start:
            pieces.append(DroppedOutput(self.start - offset, self.start))
            offset = self.start
        for segment in self._segments:
            position = offset - segment.offset
            while position < len(segment.data) and most > 0 and len(pieces) < MAX_PIECES:
                stream, end = segment.run_at(position)
                data = segment.slice(position, min(end, position + most))
                pieces.append(KeptOutput(stream, offset, data))
                position += len(data)
                offset += len(data)
                most -= len(data)
        return pieces

    def tail(self, stream: StreamName, most: int) -> tuple[bytes, bool]:
        """The last bytes of one stream that are kept, at most `most`, and whether those are all it ever had."""
        parts: list[bytes] = []
        found = 0
        for segment in reversed(self._segments):
            position, first = len(segment.data), max(0, self.start - segment.offset)
            while position > first and found < most:
                name, begin = segment.run_before(position)
                begin = max(begin, first)
                if name == stream:
                    parts.append(segment.slice(max(begin, position - (most - found)), position))
                    found += len(parts[-1])
                position = begin
        return b"".join(reversed(parts)), found == self._written[stream]


class OutputLogs:
    """The logs of the processes in one VM. Together they keep no more than the budget.

    Where it is used up, the process that ended first loses its output first, down to the last of those that have
    ended; after them, of those that run, the one of which most is kept.

    Args:
        limit: the budget in bytes.
    """

    def __init__(self, limit: int = MAX_LOGS_BYTES) -> None:
        self._limit = limit
        self._running: dict[OutputLog, None] = {}
        self._ended: dict[OutputLog, None] = {}
        self.kept = 0
        """How many bytes all of them keep."""

    def open(self, log: OutputLog) -> None:
        """Count an empty log, of a process that has begun."""
        self._running[log] = None

    def add(self, log: OutputLog, stream: StreamName, data: bytes) -> None:
        """A process wrote more, or what it left running when it ended."""
        self.kept -= log.kept
        log.add(stream, data)
        self.kept += log.kept
        if log not in self._running:
            self._ended[log] = None
        while self.kept > self._limit:
            self._drop_of_one()

    def end(self, log: OutputLog) -> None:
        """Its process has ended."""
        del self._running[log]
        if log.kept:
            self._ended[log] = None

    def forget(self, log: OutputLog) -> None:
        """Drop a log."""
        self._running.pop(log, None)
        self._ended.pop(log, None)
        self.kept -= log.drop(log.kept)

    def _drop_of_one(self) -> None:
        excess = self.kept - self._limit
        log = next(iter(self._ended), None)
        if log is not None:
            self.kept -= log.drop(excess)
            if not log.kept:
                del self._ended[log]
            return
        log = max(self._running, key=lambda each: each.kept)
        # More than must be: else each piece of output would have all of them compared.
        self.kept -= log.drop(max(excess, log.kept // 8))
