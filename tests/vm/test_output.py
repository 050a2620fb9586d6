"""The pipes of a command: order, end, back-pressure, and what happens when nobody reads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator

import pytest

from hatchway.vm.machine import Machine
from hatchway.vm.output import MAX_UNREAD_BYTES, InputWriter, OutputQueue
from hatchway.vm.records import Exit, Output, StreamName
from hatchway.vm.tail import Tail
from vm.running import run

_ONE_READ = 64 * 1024


class Command:
    """The command's ends of the pipes, in the test's hands."""

    def __init__(self) -> None:
        self._fds: dict[str, int] = {}
        self.queue: OutputQueue | None = None

    def start(self, stderr: Tail | None = None) -> OutputQueue:
        stdout, self._fds["stdout"] = os.pipe()
        stderr_end, self._fds["stderr"] = os.pipe()
        for fd in self._fds.values():
            os.set_blocking(fd, False)
        tails: dict[StreamName, Tail] = {} if stderr is None else {"stderr": stderr}
        self.queue = OutputQueue({"stdout": stdout, "stderr": stderr_end}, tails)
        return self.queue

    def write(self, stream: str, data: bytes) -> int:
        """Write what the pipe takes now; how much that was."""
        try:
            return os.write(self._fds[stream], data)
        except BlockingIOError:
            return 0

    def end(self) -> None:
        while self._fds:
            os.close(self._fds.popitem()[1])


@pytest.fixture
def command() -> Iterator[Command]:
    command = Command()
    yield command
    command.end()
    if command.queue is not None:
        command.queue.close()


async def _until(queue: OutputQueue, holds: Callable[[], bool]) -> None:
    while not holds():
        await queue.changed()


async def test_output_comes_in_order_and_ends(command: Command) -> None:
    queue = command.start()
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
    queue = command.start()
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
    queue = command.start()
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


async def test_what_is_there_can_be_read_at_once(command: Command) -> None:
    queue = command.start()
    command.write("stdout", b"x" * 60_000)
    queue.read_what_is_there()
    assert queue._unread == 60_000
    assert queue.is_open
    command.end()
    queue.read_what_is_there()
    assert not queue.is_open


async def test_the_end_of_a_stream_is_kept_though_it_is_thrown_away(command: Command) -> None:
    tail = Tail()
    queue = command.start(tail)
    queue.discard()
    for number in range(1000):
        command.write("stderr", b"problem %d\n" % number)
        command.write("stdout", b"no problem\n")
    queue.read_what_is_there()
    assert queue.take() is None
    assert tail.lines(2) == "problem 998\nproblem 999"
    command.end()
    await _until(queue, lambda: not queue.is_open)


async def test_close_closes_the_pipes(command: Command) -> None:
    queue = command.start()
    queue.close()
    assert not queue.is_open
    with pytest.raises(BrokenPipeError):
        command.write("stdout", b"x")


async def test_input_is_written_whole_and_closed() -> None:
    read_end, write_end = os.pipe()
    data = os.urandom(3_000_000)
    InputWriter(write_end, data)
    with open(read_end, "rb") as file:
        assert await asyncio.to_thread(file.read) == data


async def test_input_that_nobody_reads_is_no_error() -> None:
    for give_up in (os.close, lambda _fd: None):
        read_end, write_end = os.pipe()
        writer = InputWriter(write_end, bytes(3_000_000))
        give_up(read_end)
        await asyncio.sleep(0)
        writer.close()
        writer.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(write_end)
        if give_up is not os.close:
            os.close(read_end)


@pytest.mark.sandbox
async def test_a_command_that_writes_without_end_waits_for_its_reader(machine: Machine) -> None:
    size = 100_000_000
    process = await machine.processes.start(["head", "-c", str(size), "/dev/zero"], {}, None, listed=False)
    queue = process.output
    await _until(queue, lambda: queue._unread > MAX_UNREAD_BYTES)
    await run(machine, "true")  # whatever else could have come would have come meanwhile
    assert not process.exit.done()
    received = most = 0
    async for event in machine.processes.events(process, None):
        most = max(most, queue._unread)
        if isinstance(event, Output):
            received += len(event.data)
        else:
            assert event == Exit(exit_code=0, signal=None)
    machine.processes.leave(process)
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


@pytest.mark.sandbox
async def test_standard_input(machine: Machine) -> None:
    assert (await run(machine, ["wc", "-c"], stdin=bytes(3_000_000))).stdout == "3000000\n"
    assert (await run(machine, ["wc", "-c"], stdin=b"")).stdout == "0\n"
    assert (await run(machine, ["wc", "-c"])).stdout == "0\n"
    assert (await run(machine, ["true"], stdin=bytes(3_000_000))).exit_code == 0
    assert (await run(machine, ["sleep", "1000"], stdin=bytes(3_000_000), timeout=0.05)).timed_out
