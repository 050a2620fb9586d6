"""A spawned process's output: it never waits for a reader, and any number follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hatchway.vm.followed_output import FollowedOutput
from hatchway.vm.output_log import MAX_LOG_BYTES, OutputLogs
from hatchway.vm.output_share import OutputShare
from hatchway.vm.records import KeptOutput
from vm.pipes import PipeEnds


class Process(PipeEnds):
    """The process's ends of the pipes, in the test's hands."""

    def __init__(self, logs: OutputLogs) -> None:
        super().__init__()
        self.output = FollowedOutput(self.reading_ends, logs, OutputShare(asyncio.get_running_loop()))


@pytest.fixture
def logs() -> OutputLogs:
    return OutputLogs()


@pytest.fixture
async def process(logs: OutputLogs) -> AsyncIterator[Process]:
    process = Process(logs)
    yield process
    process.end()
    process.output.close()


def _read(output: FollowedOutput, offset: int = 0) -> bytes:
    return b"".join(piece.data for piece in output.log.read(offset, 1 << 30) if isinstance(piece, KeptOutput))


async def test_a_process_that_writes_for_ever_never_waits(process: Process, logs: OutputLogs) -> None:
    written = 0
    while written < 3 * MAX_LOG_BYTES:
        written += process.write("stdout", bytes(64 * 1024))
        await asyncio.sleep(0)
        assert process.output.log.kept <= MAX_LOG_BYTES
    while process.output.log.end < written:
        await process.output.more()
    assert process.output.log.end == written
    assert logs.kept == MAX_LOG_BYTES


async def test_everybody_who_waits_is_woken(process: Process) -> None:
    followers = [asyncio.create_task(process.output.more()) for _ in range(100)]
    await asyncio.sleep(0)
    process.write("stderr", b"x")
    await asyncio.gather(*followers)
    assert _read(process.output) == b"x"
    leaving = asyncio.create_task(process.output.more())
    staying = asyncio.create_task(process.output.more())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    process.output.end()
    await staying
    assert not process.output._waiting


async def test_what_a_process_left_running_writes_is_kept_behind_its_end(process: Process) -> None:
    process.write("stdout", b"its own")
    process.output.end()
    assert _read(process.output) == b"its own"
    assert process.output.end_offset == 7
    process.write("stderr", b"of others")
    await process.output.more()
    assert _read(process.output) == b"its ownof others"
    assert process.output.end_offset == 7
    process.output.discard()
    written = 0
    while written < 200_000:  # and is not held up by anything
        written += process.write("stdout", bytes(10_000))
        await asyncio.sleep(0)
    assert process.output.log.kept == 0
    process.end()
    process.output.end()  # reads the end of both pipes
    assert not process.output.is_open


async def test_a_log_that_is_dropped_costs_nothing(process: Process, logs: OutputLogs) -> None:
    process.write("stdout", b"x" * 1000)
    process.output.end()
    assert logs.kept == 1000
    process.output.discard()
    assert logs.kept == 0
    assert (process.output.log.end, process.output.log.start) == (1000, 1000)
