"""The pipes of a command: order, end, back-pressure, and what happens when nobody reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from hatchway.vm.machine import Machine
from hatchway.vm.output import MAX_UNREAD_BYTES, OutputQueue
from hatchway.vm.output_share import OutputShare
from hatchway.vm.records import Exit, Output
from vm.pipes import PipeEnds
from vm.running import run

_ONE_READ = 64 * 1024


class Command(PipeEnds):
    """The command's ends of the pipes, in the test's hands."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = OutputQueue(self.reading_ends, OutputShare(asyncio.get_running_loop()))


@pytest.fixture
async def command() -> AsyncIterator[Command]:
    command = Command()
    yield command
    command.end()
    command.queue.close()


async def _until(queue: OutputQueue, holds: Callable[[], bool]) -> None:
    while not holds():
        await queue.changed()


async def test_output_comes_in_order_and_ends(command: Command) -> None:
    queue = command.queue
    got: dict[str, bytes] = {"stdout": b"", "stderr": b""}
    for number in range(100):
        command.write("stdout" if number % 3 else "stderr", b"%d " % number)
    command.end()
    await _until(queue, lambda: not queue.is_open)
    while (piece := queue.take()) is not None:
        got[piece.stream] += piece.data
    assert got["stdout"].split() == [b"%d" % number for number in range(100) if number % 3]
    assert got["stderr"].split() == [b"%d" % number for number in range(100) if not number % 3]
    assert queue.take() is None


async def test_a_slow_reader_holds_the_writer_up(command: Command) -> None:
    queue = command.queue
    written = 0
    while not (queue._unread > MAX_UNREAD_BYTES and command.write("stdout", b"x") == 0):
        written += command.write("stdout", bytes(_ONE_READ))
        await asyncio.sleep(0)
        assert queue._unread <= MAX_UNREAD_BYTES + _ONE_READ
    taken = 0
    while (piece := queue.take()) is not None:
        taken += len(piece.data)
    assert 0 < taken <= MAX_UNREAD_BYTES + _ONE_READ
    await _until(queue, lambda: queue._unread > 0)  # it reads again
    assert command.write("stdout", b"x") == 1


async def test_discarded_output_holds_nobody_up(command: Command) -> None:
    queue = command.queue
    command.write("stdout", b"before")
    await _until(queue, lambda: queue._unread > 0)
    queue.discard()
    assert queue.take() is None
    written = 0
    while written < 4 * MAX_UNREAD_BYTES:
        written += command.write("stdout", bytes(_ONE_READ))
        await asyncio.sleep(0)
    assert queue._unread == 0
    assert queue.take() is None
    command.end()
    await _until(queue, lambda: not queue.is_open)


async def test_what_is_there_is_read_at_the_end(command: Command) -> None:
    queue = command.queue
    command.write("stdout", b"x" * 60_000)
    queue.end()
    assert queue._unread == 60_000
    assert queue.is_open
    command.end()
    queue.end()
    assert not queue.is_open


async def test_close_closes_the_pipes(command: Command) -> None:
    command.queue.close()
    assert not command.queue.is_open
    with pytest.raises(BrokenPipeError):
        command.write("stdout", b"x")


@pytest.mark.sandbox
async def test_a_command_that_writes_without_end_waits_for_its_reader(machine: Machine) -> None:
    size = 100_000_000
    command = await machine.processes.execute(["head", "-c", str(size), "/dev/zero"], {}, None)
    queue = command.queue
    await _until(queue, lambda: queue._unread > MAX_UNREAD_BYTES)
    await run(machine, "true")  # whatever else could have come would have come meanwhile
    assert not command.exit.done()
    received = most = 0
    async for event in machine.processes.events(command, None):
        most = max(most, queue._unread)
        if isinstance(event, Output):
            received += len(event.data)
        else:
            assert event == Exit(exit_code=0, signal=None)
    machine.processes.leave(command)
    assert received == size
    assert most <= MAX_UNREAD_BYTES + _ONE_READ + 1024 * 1024  # at its end, what a pipe holds at most


@pytest.mark.sandbox
async def test_a_command_ends_though_a_child_holds_its_pipes(machine: Machine) -> None:
    ran = await run(machine, "sleep 1000 & echo $!; echo problem >&2")
    assert (ran.exit_code, ran.stderr) == (0, "problem\n")
    assert (await run(machine, f"kill -0 {ran.stdout}")).exit_code == 0


@pytest.mark.sandbox
async def test_a_writer_left_behind_neither_blocks_nor_dies(machine: Machine) -> None:
    await run(machine, "(until [ -e go ]; do :; done; head -c 1000000 /dev/zero; echo fine >result) &")
    await run(machine, "touch go; until [ -s result ]; do :; done")
    assert (await run(machine, "cat result")).stdout == "fine\n"
