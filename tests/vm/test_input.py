"""Standard input: whole, in order, as fast as it is read, and nothing left of who gives up."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator

import pytest

from hatchway.errors import Conflict, HatchwayError, Unavailable
from hatchway.vm.input import InputPipe, process_ended
from hatchway.vm.machine import Machine
from hatchway.vm.records import ExecRequest, Output, SpawnRequest, Started
from hatchway.vm.sandbox.channel import vm_stopped
from vm.running import run

PIPE_BYTES = 64 * 1024


class Reader:
    """The process's end of the pipe, in the test's hands."""

    def __init__(self) -> None:
        self.fd, self.writing_end = os.pipe()
        os.set_blocking(self.fd, False)

    def read(self, size: int = PIPE_BYTES) -> bytes | None:
        """What is there now; None: nothing; empty: the end."""
        try:
            return os.read(self.fd, size)
        except BlockingIOError:
            return None

    async def read_all(self) -> bytes:
        """All up to the end."""
        data = b""
        while (piece := self.read()) != b"":
            data += piece or b""
            await asyncio.sleep(0)
        return data

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reader.writing_end)  # every test ends with the pipe closed


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def _turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_input_given_whole_is_written_and_closed(reader: Reader) -> None:
    data = random.Random(1).randbytes(3_000_000)
    pipe = InputPipe(reader.writing_end, data)
    with pytest.raises(Conflict) as caught:
        await pipe.write(pieces(b"more"))
    assert (caught.value.code, caught.value.details) == ("stdin_closed", {"written": 0})
    assert await reader.read_all() == data
    assert not pipe.is_open


async def test_input_that_nobody_reads_is_no_error() -> None:
    for ends_first in (True, False):
        reader = Reader()
        pipe = InputPipe(reader.writing_end, bytes(3_000_000))
        if ends_first:
            reader.close()
        await _turns()
        pipe.end(process_ended)
        pipe.end(process_ended)
        assert not pipe.is_open
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(reader.writing_end)
        reader.close()


async def test_writes_are_whole_and_in_order(reader: Reader) -> None:
    pipe = InputPipe(reader.writing_end)
    expected = []
    writers = []
    for number in range(20):
        parts = [bytes([number]) * size for size in (1, 100_000, 0, 30_000)]
        expected.append(b"".join(parts))
        writers.append(asyncio.create_task(pipe.write(pieces(*parts))))
        await asyncio.sleep(0)
    pipe.close()  # behind them all
    assert await reader.read_all() == b"".join(expected)
    assert await asyncio.gather(*writers) == [130_001] * 20
    assert not pipe.is_open


async def test_a_write_waits_for_the_process(reader: Reader) -> None:
    pipe = InputPipe(reader.writing_end)
    writer = asyncio.create_task(pipe.write(pieces(bytes(PIPE_BYTES), b"x")))
    await _turns()
    assert not writer.done()
    assert reader.read(PIPE_BYTES) == bytes(PIPE_BYTES)
    assert await writer == PIPE_BYTES + 1
    assert reader.read() == b"x"
    assert await pipe.write(pieces()) == 0
    pipe.close()
    pipe.close()
    assert reader.read() == b""


async def test_a_cancelled_write_stops_where_it_is(reader: Reader) -> None:
    pipe = InputPipe(reader.writing_end)
    first = asyncio.create_task(pipe.write(pieces(b"a" * (PIPE_BYTES + 10), b"never")))
    waiting = asyncio.create_task(pipe.write(pieces(b"never")))
    next_one = asyncio.create_task(pipe.write(pieces(b"next")))
    await _turns()
    first.cancel()
    waiting.cancel()
    await asyncio.wait([first, waiting])
    assert first.cancelled()
    assert waiting.cancelled()
    pipe.close()
    assert await reader.read_all() == b"a" * PIPE_BYTES + b"next"
    assert await next_one == 4
    assert not pipe._writers


@pytest.mark.parametrize("turns", range(12))
async def test_whenever_a_write_is_cancelled_the_next_is_whole(reader: Reader, turns: int) -> None:
    pipe = InputPipe(reader.writing_end)
    first = asyncio.create_task(pipe.write(pieces(*[b"a" * 20_000] * 6)))
    await _turns(turns)
    first.cancel()
    await asyncio.wait([first])
    writing = asyncio.create_task(pipe.write(pieces(b"b" * 100_000)))
    await _turns(1)
    pipe.close()
    data = await reader.read_all()
    assert data.lstrip(b"a") == b"b" * 100_000
    assert await writing == 100_000


async def _stuck() -> AsyncIterator[bytes]:
    yield b"begun"
    await asyncio.Event().wait()


@pytest.mark.parametrize("gone", [process_ended, lambda _written: vm_stopped()], ids=["process", "vm"])
async def test_everybody_is_told_the_end_whatever_they_wait_for(reader: Reader, gone: object) -> None:
    pipe = InputPipe(reader.writing_end)
    on_its_client = asyncio.create_task(pipe.write(_stuck()))
    for_its_turn = asyncio.create_task(pipe.write(pieces(b"x")))
    await _turns()
    assert reader.read() == b"begun"
    pipe.end(gone)  # type: ignore[arg-type]
    for task, written in ((on_its_client, 5), (for_its_turn, 0)):
        with pytest.raises(HatchwayError) as caught:
            await task
        if gone is process_ended:
            assert (caught.value.code, caught.value.details) == ("process_ended", {"written": written})
        else:
            assert isinstance(caught.value, Unavailable)
    with pytest.raises(HatchwayError) as caught:
        await pipe.write(pieces(b"x"))
    assert caught.value.code == ("process_ended" if gone is process_ended else "vm_stopped")


async def test_the_end_while_the_pipe_is_full(reader: Reader) -> None:
    pipe = InputPipe(reader.writing_end)
    writing = asyncio.create_task(pipe.write(pieces(b"x" * 10, bytes(1_000_000))))
    await _turns()
    pipe.end(process_ended)
    with pytest.raises(Conflict) as caught:
        await writing
    taken = len(await reader.read_all())
    assert 10 < taken <= PIPE_BYTES
    assert caught.value.details == {"written": taken}


@pytest.mark.parametrize("full", [True, False])
async def test_a_process_that_closes_its_input(reader: Reader, full: bool) -> None:
    pipe = InputPipe(reader.writing_end)
    writing = asyncio.create_task(pipe.write(pieces(bytes(1_000_000 if full else 10))))
    await _turns()
    reader.close()
    for call in (*([writing] if full else []), pipe.write(pieces(b"x")), pipe.write(pieces(b"x"))):
        with pytest.raises(Conflict) as caught:
            await call
        assert caught.value.code == "stdin_closed"
    assert not pipe.is_open


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
async def test_an_end_that_is_known_a_moment_later_is_what_is_told(reader: Reader, turns: int) -> None:
    pipe = InputPipe(reader.writing_end)
    writing = asyncio.create_task(pipe.write(pieces(bytes(1_000_000))))
    for_its_turn = asyncio.create_task(pipe.write(pieces(b"x")))
    await _turns()
    reader.close()
    await _turns(turns)
    pipe.end(process_ended)
    for task in (writing, for_its_turn):
        with pytest.raises(Conflict) as caught:
            await task
        assert caught.value.code == "process_ended"


async def test_what_the_chunks_raise_is_passed_on(reader: Reader) -> None:
    async def failing(error: Exception) -> AsyncIterator[bytes]:
        yield b"before "
        raise error

    pipe = InputPipe(reader.writing_end)
    for error in (TimeoutError("theirs"), LookupError()):
        with pytest.raises(type(error)):
            await pipe.write(failing(error))
    assert await pipe.write(pieces(b"after")) == 5
    pipe.close()
    assert reader.read() == b"before before after"


@pytest.mark.sandbox
async def test_standard_input(machine: Machine) -> None:
    assert (await run(machine, ["wc", "-c"], stdin=bytes(3_000_000))).stdout == "3000000\n"
    assert (await run(machine, ["wc", "-c"], stdin=b"")).stdout == "0\n"
    assert (await run(machine, ["wc", "-c"])).stdout == "0\n"
    assert (await run(machine, ["true"], stdin=bytes(3_000_000))).exit_code == 0
    assert (await run(machine, ["sleep", "1000"], stdin=bytes(3_000_000), timeout=0.05)).timed_out


@pytest.mark.sandbox
async def test_standard_input_of_a_command_that_is_left_open(machine: Machine) -> None:
    processes = machine.processes
    output = bytearray()
    async with machine.exec(ExecRequest(["cat"], stdin_open=True)) as events:
        first = await anext(events)
        assert isinstance(first, Started)

        async def feed() -> None:
            for _ in range(3):
                assert await processes.write_stdin(first.pid, pieces(bytes(1_000_000))) == 1_000_000
            processes.close_stdin(first.pid)

        feeding = asyncio.create_task(feed())
        async for event in events:
            if isinstance(event, Output):
                output += event.data
        await feeding
    assert output == bytes(3_000_000)
    with pytest.raises(HatchwayError) as caught:
        await processes.write_stdin(first.pid, pieces(b"x"))
    assert caught.value.code == "process_not_found"
    assert processes.list() == []


@pytest.mark.sandbox
async def test_only_input_that_is_open_can_be_written_to(machine: Machine) -> None:
    for request, code in [
        (ExecRequest(["sleep", "1000"]), "process_not_found"),
        (ExecRequest(["sleep", "1000"], stdin=b""), "stdin_closed"),
    ]:
        command = await machine.processes.execute(["sleep", "1000"], {}, None, request.stdin)
        with pytest.raises(HatchwayError) as caught:
            await machine.processes.write_stdin(command.pid, pieces(b"x"))
        assert caught.value.code == code
        machine.processes.leave(command)


@pytest.mark.sandbox
async def test_standard_input_of_a_spawned_process(machine: Machine) -> None:
    processes = machine.processes
    pid = await machine.spawn(SpawnRequest("sh", ["-c", "cat >in; echo $? >done"]))
    assert await processes.write_stdin(pid, pieces(b"one ", b"two ")) == 8
    assert await processes.write_stdin(pid, pieces(bytes(1_000_000))) == 1_000_000
    processes.close_stdin(pid)
    processes.close_stdin(pid)
    assert (await processes.wait(pid)).exit_code == 0
    assert (await run(machine, "head -c 8 in; wc -c <in")).stdout == "one two 1000008\n"
    for written, code in ((pid, "process_ended"), (999_999, "process_not_found")):
        with pytest.raises(HatchwayError) as caught:
            await processes.write_stdin(written, pieces(b"x"))
        assert caught.value.code == code
    processes.close_stdin(pid)
    given = await machine.spawn(SpawnRequest("wc", ["-c"], stdin=bytes(300_000)))
    assert (await processes.wait(given)).exit_code == 0
    assert processes.get(given).written.log.read(0, 100)[0].data == b"300000\n"  # type: ignore[union-attr]
