"""Reading what a spawned process writes: from any offset, while it runs and after its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from hatchway.errors import HatchwayError, Unavailable
from hatchway.vm.followed_output import FollowedOutput
from hatchway.vm.input import InputPipe
from hatchway.vm.machine import Machine
from hatchway.vm.output_log import MAX_LOG_BYTES, OutputLogs
from hatchway.vm.output_share import OutputShare
from hatchway.vm.process import Spawned
from hatchway.vm.records import (
    DroppedOutput,
    Exit,
    KeptOutput,
    OutputEnd,
    OutputEvent,
    OutputInfo,
    ProcessInfo,
    SpawnRequest,
)
from vm.pipes import PipeEnds
from vm.running import run

ENDED = Exit(exit_code=3, signal=None)
KILLED = Exit(exit_code=None, signal=9)


class Running(PipeEnds):
    """A process whose ends of the pipes are in the test's hands."""

    def __init__(self) -> None:
        super().__init__()
        stdin, writing_end = os.pipe()
        os.close(stdin)
        self.logs = OutputLogs()
        share = OutputShare(asyncio.get_running_loop())
        output = FollowedOutput(self.reading_ends, self.logs, share)
        self.process = Spawned(7, ["x", "y"], output, InputPipe(writing_end))

    async def has_written(self, count: int) -> None:
        while self.process.written.log.end < count:
            await self.process.written.more()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = Running()
    yield running
    running.end()
    running.process.end(ENDED)
    running.process.output.close()


async def _all(events: AsyncIterator[OutputEvent]) -> list[OutputEvent]:
    return [event async for event in events]


async def test_what_is_there_now(running: Running) -> None:
    read = running.process.read
    assert await _all(read(0, follow=False)) == [OutputEnd(0, "running", None, None)]
    running.write("stdout", b"one ")
    await running.has_written(4)
    running.write("stderr", b"two")
    await running.has_written(7)
    both: list[OutputEvent] = [KeptOutput("stdout", 0, b"one "), KeptOutput("stderr", 4, b"two")]
    assert await _all(read(0, follow=False)) == [*both, OutputEnd(7, "running", None, None)]
    assert await _all(read(5, follow=False)) == [
        KeptOutput("stderr", 5, b"wo"),
        OutputEnd(7, "running", None, None),
    ]
    assert running.process.info() == ProcessInfo(
        7, ["x", "y"], "running", None, None, running.process.started_at, OutputInfo(7, 0)
    )
    running.process.end(ENDED)
    for follow in (True, False):
        assert await _all(read(0, follow=follow)) == [*both, OutputEnd(7, "exited", 3, None)]
        assert await _all(read(7, follow=follow)) == [OutputEnd(7, "exited", 3, None)]


async def test_followers_see_everything_up_to_the_end(running: Running) -> None:
    followers = [asyncio.create_task(_all(running.process.read(0, follow=True))) for _ in range(10)]
    for number in range(100):
        running.write("stdout", b"%d " % number)
        if number % 7 == 0:
            await asyncio.sleep(0)
    running.process.end(KILLED)
    written = b"".join(b"%d " % number for number in range(100))
    for events in await asyncio.gather(*followers):
        *pieces, end = events
        assert b"".join(piece.data for piece in pieces if isinstance(piece, KeptOutput)) == written
        assert end == OutputEnd(len(written), "exited", None, 9)
    assert not running.process.written._waiting


async def test_a_reader_does_not_run_after_a_process_that_writes_on(running: Running) -> None:
    running.write("stdout", b"x" * 1000)
    await running.has_written(1000)
    read = running.process.read(0, follow=False)
    events: list[OutputEvent] = []
    async for event in read:
        events.append(event)
        running.write("stdout", b"more")
        await running.process.written.more()
        assert len(events) < 3
    assert events == [KeptOutput("stdout", 0, b"x" * 1000), OutputEnd(1000, "running", None, None)]


async def test_a_slow_follower_is_told_what_it_missed(running: Running) -> None:
    read = running.process.read(0, follow=True)
    running.write("stdout", b"first")
    assert await anext(read) == KeptOutput("stdout", 0, b"first")
    written = 5
    while written < 3 * MAX_LOG_BYTES:  # nobody waits for the follower
        written += running.write("stderr", bytes(60_000))
        await asyncio.sleep(0)
    await running.has_written(written)
    missed = await anext(read)
    assert missed == DroppedOutput(written - MAX_LOG_BYTES - 5, written - MAX_LOG_BYTES)
    running.process.end(ENDED)
    *rest, end = await _all(read)
    assert sum(len(piece.data) for piece in rest if isinstance(piece, KeptOutput)) == MAX_LOG_BYTES
    assert end == OutputEnd(written, "exited", 3, None)
    assert running.process.info().output == OutputInfo(written, written - MAX_LOG_BYTES)


async def test_the_end_does_not_wait_for_what_the_process_left_running(running: Running) -> None:
    follower = asyncio.create_task(_all(running.process.read(0, follow=True)))
    await asyncio.sleep(0)
    running.write("stdout", b"its own")
    running.process.end(ENDED)
    running.write("stdout", b" of others")
    assert await follower == [KeptOutput("stdout", 0, b"its own"), OutputEnd(7, "exited", 3, None)]
    await running.has_written(17)
    assert await _all(running.process.read(7, follow=True)) == [
        KeptOutput("stdout", 7, b" of others"),
        OutputEnd(17, "exited", 3, None),
    ]


async def test_a_log_that_is_dropped_under_its_followers(running: Running) -> None:
    follower = asyncio.create_task(_all(running.process.read(0, follow=True)))
    running.write("stdout", b"gone")
    running.process.end(ENDED)
    running.process.output.discard()
    assert await follower == [DroppedOutput(4, 4), OutputEnd(4, "exited", 3, None)]


async def test_the_end_of_the_vm_is_told(running: Running) -> None:
    follower = asyncio.create_task(_all(running.process.read(0, follow=True)))
    running.write("stdout", b"last")
    await running.has_written(4)
    running.process.end_with_vm(KILLED)
    with pytest.raises(Unavailable) as caught:
        await follower
    assert caught.value.code == "vm_stopped"


@pytest.mark.parametrize("turns", range(6))
async def test_a_follower_that_leaves_leaves_nothing(running: Running, turns: int) -> None:
    follower = asyncio.create_task(_all(running.process.read(0, follow=True)))
    for _ in range(turns):
        await asyncio.sleep(0)
    running.write("stdout", b"x")
    follower.cancel()
    await asyncio.wait([follower])
    assert not running.process.written._waiting


# -- in VMs


async def _text(machine: Machine, pid: int, *, follow: bool = True) -> tuple[str, OutputEnd]:
    *pieces, end = await _all(machine.processes.output(pid, 0, follow=follow))
    assert isinstance(end, OutputEnd)
    data = b"".join(piece.data for piece in pieces if isinstance(piece, KeptOutput))
    return data.decode(), end


@pytest.mark.sandbox
async def test_all_that_a_process_wrote_is_there_with_its_end(machine: Machine) -> None:
    for _ in range(20):
        pid = await machine.spawn(SpawnRequest("sh", ["-c", "seq 20000; echo last >&2; exit 4"]))
        text, end = await _text(machine, pid)
        assert text.endswith(("20000\nlast\n", "last\n20000\n"))
        assert (end.exit_code, end.state, end.next_offset) == (4, "exited", len(text))


@pytest.mark.sandbox
async def test_a_process_that_prints_for_ever_while_nobody_reads(machine: Machine) -> None:
    pid = await machine.spawn(SpawnRequest("sh", ["-c", "yes & yes >&2"]))
    log = machine.processes.get(pid).written.log
    while log.end < 20 * MAX_LOG_BYTES:
        await machine.processes.get(pid).written.more()
        assert log.kept <= MAX_LOG_BYTES
    follower = machine.processes.output(pid, 0, follow=True)
    missed = await anext(follower)
    assert isinstance(missed, DroppedOutput)
    await machine.processes.signal(pid, 9)
    await machine.processes.wait(pid)
    assert isinstance((await _all(follower))[-1], OutputEnd)


@pytest.mark.sandbox
async def test_a_process_that_closes_its_output_early(machine: Machine) -> None:
    pid = await machine.spawn(SpawnRequest("sh", ["-c", "echo before; exec >&- 2>&-; read line; exit 6"]))
    process = machine.processes.get(pid)
    while process.output.is_open:
        await run(machine, "true")
    assert process.info().state == "running"
    follower = asyncio.create_task(_text(machine, pid))
    machine.processes.close_stdin(pid)
    text, end = await follower
    assert (text, end.exit_code) == ("before\n", 6)


@pytest.mark.sandbox
async def test_a_daemon_holds_nobody_up(machine: Machine) -> None:
    before = len(os.listdir("/proc/self/fd"))
    daemon = (
        "(setsid sh -c 'until [ -e go ]; do sleep 0.01; done; echo later; exec sleep 1000' &) ; echo started"
    )
    pid = await machine.spawn(SpawnRequest("sh", ["-c", daemon]))
    text, end = await _text(machine, pid)
    assert (text, end.exit_code) == ("started\n", 0)
    assert machine.processes.get(pid).output.is_open
    await machine.write_file(b"/home/user/go", _nothing(), None)
    while (await _text(machine, pid))[
        0
    ] == "started\n":  # it may have been written before anybody can wait for more
        await run(machine, "true")
    assert (await _text(machine, pid))[0] == "started\nlater\n"
    while (other := (await machine.processes.list_all())[-1]).command[0] != b"sleep":
        pass
    await machine.processes.signal_any(other.pid, 9)
    while machine.processes.get(pid).output.is_open:
        await run(machine, "true")
    assert len(os.listdir("/proc/self/fd")) == before


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


@pytest.mark.sandbox
async def test_an_offset_from_the_future_is_refused(machine: Machine) -> None:
    pid = await machine.spawn(SpawnRequest("echo", ["four"]))
    await machine.processes.wait(pid)
    with pytest.raises(HatchwayError) as caught:
        machine.processes.output(pid, 6, follow=False)
    assert caught.value.code == "invalid_offset"
    assert "5 bytes" in caught.value.message
