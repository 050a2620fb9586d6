"""A VM's share of the server's time for its output: never exceeded, used whole, and divided fairly."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.vm.output import OutputPipes
from hatchway.vm.output_share import LEAST_BYTES, PERIOD_SECONDS, SHARE_BYTES, OutputShare
from vm.pipes import PipeEnds


class FakeClock:
    """An event loop's clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._calls: list[tuple[float, int, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Any:
        heapq.heappush(self._calls, (when, len(self._calls), callback))

    def next_period(self) -> None:
        self.now += PERIOD_SECONDS
        while self._calls and self._calls[0][0] <= self.now:
            heapq.heappop(self._calls)[2]()


class Writer:
    """Has always something to read."""

    def __init__(self, share: OutputShare, size: int) -> None:
        self._share, self.size = share, size
        self._waits = False
        self.reads = 0

    def read_until_it_waits(self) -> None:
        while not self._waits:
            if self._share.is_used_up():
                self._waits = True
                self._share.wait(self._read_on)
            else:
                self._share.spend(self.size)
                self.reads += 1

    def _read_on(self) -> None:
        assert self._waits
        assert not self._share.is_used_up()
        self._waits = False
        self._share.spend(self.size)
        self.reads += 1


@given(st.lists(st.integers(1, 65536), min_size=1, max_size=50), st.integers(1, 30))
def test_it_is_used_whole_and_never_exceeded(sizes: list[int], periods: int) -> None:
    clock = FakeClock()
    share = OutputShare(clock)
    writers = [Writer(share, size) for size in sizes]
    before = 0
    for _ in range(periods):
        for writer in writers:
            writer.read_until_it_waits()
        spent = sum(writer.reads * max(writer.size, LEAST_BYTES) for writer in writers)
        assert SHARE_BYTES <= spent - before < SHARE_BYTES + 65536
        before = spent
        clock.next_period()


def test_those_who_wait_take_turns() -> None:
    clock = FakeClock()
    share = OutputShare(clock)
    writers = [Writer(share, 65536) for _ in range(100)]
    first = SHARE_BYTES // 65536
    for period in range(1, 100):
        for writer in writers:
            writer.read_until_it_waits()
        reads = [writer.reads for writer in writers]
        assert sum(reads) == period * first
        assert min(reads) >= sum(reads) // len(reads) - 1
        clock.next_period()


class Process(PipeEnds):
    """Its ends of the pipes, in the test's hands."""

    def __init__(self, share: OutputShare) -> None:
        super().__init__()
        self.read = 0
        self.changed = asyncio.Event()
        self.pipes = OutputPipes(self.reading_ends, self._take, share)

    def _take(self, _stream: str, data: bytes) -> None:
        self.read += len(data)
        self.changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self.changed.wait()
            self.changed.clear()


@pytest.fixture
async def processes() -> AsyncIterator[list[Process]]:
    share = OutputShare(asyncio.get_running_loop())
    processes = [Process(share) for _ in range(50)]
    yield processes
    for process in processes:
        process.end()
        process.pipes.close()


async def test_everything_is_read_however_much_it_is(processes: list[Process]) -> None:
    written = [0] * len(processes)
    while min(written) < 500_000:
        for index, process in enumerate(processes):
            written[index] += process.write("stdout", bytes(65_536)) + process.write("stderr", bytes(100))
        await asyncio.sleep(0)
    for process in processes:
        process.end()
        await process.until(lambda process=process: not process.pipes.are_open)  # type: ignore[misc]
    assert [process.read for process in processes] == written


async def test_pipes_that_are_closed_while_they_wait(processes: list[Process]) -> None:
    share = processes[0].pipes._share
    assert share is not None
    while not share._waiting:
        for process in processes:
            process.write("stdout", bytes(65_536))
        await asyncio.sleep(0)
    for process in processes:
        process.pipes.close()
    others = [Process(share) for _ in range(50)]  # with the same descriptors
    for process in others:
        process.write("stdout", b"x" * 100)
        await process.until(lambda process=process: process.read == 100)  # type: ignore[misc]
    assert not share._waiting
    for process in others:
        process.end()
        process.pipes.close()
