"""Cron jobs on a real store, at a time that the test sets, with commands that end when the test says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from hatchway.errors import HatchwayError, InvalidRequest, NotFound, Unavailable
from hatchway.server.cron import INTERRUPTED, LONGEST_PAUSE, MAX_STARTING, CronRunner
from hatchway.store.store import Store
from hatchway.vm.cron_job import MAX_QUEUED, MAX_RUNNING, CronJob, CronJobInfo, CronRun
from hatchway.vm.records import ExecRequest, Exit, Output, ProcessEvent
from hatchway.vm.tail import TAIL_LINES
from server.conftest import NOW, FakeClock

MINUTE = 60.0
FIRST = NOW - NOW % MINUTE + MINUTE
"""The first whole minute behind the tests' beginning."""
JOB = CronJob("job", "* * * * *", "command")


class Started:
    """One command that was started."""

    def __init__(self, vm_id: str, request: ExecRequest) -> None:
        self.vm_id, self.request = vm_id, request
        self.events: asyncio.Queue[ProcessEvent | None] = asyncio.Queue()
        self.left = asyncio.Event()

    def ends(self, exit_code: int = 0, *said: str) -> None:
        for each in said:
            self.events.put_nowait(Output("stdout", each.encode()))
        self.events.put_nowait(Exit(exit_code, None))


class Vms:
    """Where commands are run."""

    def __init__(self) -> None:
        self.started: list[Started] = []
        self.refusal: HatchwayError | None = None
        self.wakes = asyncio.Event()
        self.wakes.set()
        self.waking = 0

    @asynccontextmanager
    async def execute(self, vm_id: str, request: ExecRequest) -> AsyncIterator[AsyncIterator[ProcessEvent]]:
        self.waking += 1
        try:
            await self.wakes.wait()
        finally:
            self.waking -= 1
        if self.refusal is not None:
            raise self.refusal
        started = Started(vm_id, request)
        self.started.append(started)
        try:
            yield self._events(started)
        finally:
            started.left.set()

    async def _events(self, started: Started) -> AsyncIterator[ProcessEvent]:
        while True:
            event = await started.events.get()
            if event is None:
                return
            yield event
            if isinstance(event, Exit):
                return


class Time:
    """Passes when the test says so."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._woken = asyncio.Event()
        self.sleeping: float | None = None

    async def sleep(self, seconds: float) -> None:
        self.sleeping = seconds
        try:
            await self._woken.wait()
        finally:
            self.sleeping = None

    async def is_at(self, now: float) -> None:
        """It is `now`, and whoever slept until then has looked."""
        self._clock.now = now
        self._woken.set()
        await until(lambda: self.sleeping is None)
        self._woken.clear()
        await until(lambda: self.sleeping is not None)


async def until(condition: Callable[[], bool]) -> None:
    """Let others have their turns until it holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it holds for no event that could be waited for
            await asyncio.sleep(0)


@pytest.fixture
def vms() -> Vms:
    return Vms()


@pytest.fixture
def time(clock: FakeClock) -> Time:
    return Time(clock)


@pytest.fixture
def runner(store: Store, vms: Vms, time: Time, clock: FakeClock) -> CronRunner:
    return CronRunner(store.cron, vms.execute, clock, time.sleep)


@pytest.fixture
async def vm(store: Store) -> str:
    return (await store.vms.get_or_create("vm", "a", NOW))[0].id


@asynccontextmanager
async def running(runner: CronRunner, time: Time) -> AsyncIterator[None]:
    task = asyncio.create_task(runner.run())
    await until(lambda: time.sleeping is not None)
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def only(runner: CronRunner, vm: str) -> CronJobInfo:
    (info,) = runner.of_vm(vm)
    return info


async def recorded(store: Store, runs: int) -> CronRun:
    """The last run as the store has it, once that many have ended."""
    while True:
        (row,) = await store.cron.all()
        if row.runs == runs and row.last_run is not None and row.last_run.ended_at is not None:
            return row.last_run


async def test_a_job_is_run_at_its_times(
    runner: CronRunner, vms: Vms, time: Time, vm: str, clock: FakeClock, store: Store
) -> None:
    job = replace(JOB, schedule="*/2 * * * *", command=["a", "b"], env={"A": "b"}, cwd="/srv", timeout=3.5)
    async with running(runner, time):
        made = await runner.put(vm, job)
        first = made.next_run_at
        assert first is not None
        assert first % (2 * MINUTE) == 0
        assert made == CronJobInfo(job, NOW, first)
        assert runner.of_vm(vm) == [made]
        await until(lambda: time.sleeping == min(first - NOW, LONGEST_PAUSE))
        await time.is_at(first - 0.5)
        assert vms.started == []
        await time.is_at(first)
        await until(lambda: len(vms.started) == 1)
        assert vms.started[0].vm_id == vm
        assert vms.started[0].request == ExecRequest(["a", "b"], {"A": "b"}, "/srv", timeout=3.5)
        info = only(runner, vm)
        assert (info.running, info.runs, info.next_run_at) == (1, 1, first + 2 * MINUTE)
        assert info.last_run == CronRun(first)
        clock.now = first + 5
        vms.started[0].ends(3, "one\n", "two\n")
        expected = CronRun(first, first + 5, 3, None, False, "one\ntwo")
        assert await recorded(store, 1) == expected
        await until(lambda: only(runner, vm).running == 0)
        assert only(runner, vm) == CronJobInfo(job, NOW, first + 2 * MINUTE, runs=1, last_run=expected)
        await time.is_at(first + MINUTE)
        assert len(vms.started) == 1
        await time.is_at(first + 2 * MINUTE)
        await until(lambda: len(vms.started) == 2)


async def test_a_time_that_is_seen_late_is_one_run(runner: CronRunner, vms: Vms, time: Time, vm: str) -> None:
    await runner.put(vm, JOB)
    async with running(runner, time):
        await time.is_at(FIRST + 10 * MINUTE + 1)
        await until(lambda: len(vms.started) == 1)
        assert only(runner, vm).next_run_at == FIRST + 11 * MINUTE
        assert only(runner, vm).runs == 1


async def test_a_clock_that_is_set_back_holds_no_job_up(
    runner: CronRunner, vms: Vms, time: Time, vm: str
) -> None:
    async with running(runner, time):
        await runner.put(vm, JOB)
        await time.is_at(FIRST - 86_400 + 1)
        assert only(runner, vm).next_run_at == FIRST - 86_400 + MINUTE
        await time.is_at(FIRST - 86_400 + MINUTE)
        await until(lambda: len(vms.started) == 1)


async def test_skip_leaves_out_what_comes_while_it_runs(
    runner: CronRunner, vms: Vms, time: Time, vm: str, store: Store
) -> None:
    await runner.put(vm, JOB)
    async with running(runner, time):
        for minute in range(3):
            await time.is_at(FIRST + minute * MINUTE)
        await until(lambda: len(vms.started) == 1)
        assert (only(runner, vm).running, only(runner, vm).queued, only(runner, vm).skipped) == (1, 0, 2)
        vms.started[0].ends()
        await recorded(store, 1)
        await until(lambda: only(runner, vm).running == 0)
        await time.is_at(FIRST + 3 * MINUTE)
        await until(lambda: len(vms.started) == 2)
        assert (await store.cron.all())[0].skipped == 2


async def test_queue_runs_one_after_the_other_and_is_bounded(
    runner: CronRunner, vms: Vms, time: Time, vm: str
) -> None:
    await runner.put(vm, replace(JOB, overlap="queue"))
    async with running(runner, time):
        for minute in range(MAX_QUEUED + 3):
            await time.is_at(FIRST + minute * MINUTE)
        await until(lambda: len(vms.started) == 1)
        info = only(runner, vm)
        assert (info.running, info.queued, info.skipped) == (1, MAX_QUEUED, 2)
        for number in range(MAX_QUEUED + 1):
            await until(lambda number=number: len(vms.started) == number + 1)  # type: ignore[misc]
            assert only(runner, vm).running == 1
            vms.started[number].ends()
        await until(lambda: only(runner, vm).running == 0)
        info = only(runner, vm)
        assert (info.queued, info.runs, len(vms.started)) == (0, MAX_QUEUED + 1, MAX_QUEUED + 1)


async def test_allow_runs_them_beside_each_other_up_to_a_bound_for_the_vm(
    runner: CronRunner, vms: Vms, time: Time, vm: str, store: Store
) -> None:
    other = (await store.vms.get_or_create("vm", "b", NOW))[0].id
    await runner.put(vm, replace(JOB, overlap="allow"))
    await runner.put(vm, replace(JOB, id="second", overlap="allow"))
    await runner.put(other, JOB)
    async with running(runner, time):
        for minute in range(MAX_RUNNING):
            await time.is_at(FIRST + minute * MINUTE)
        await until(lambda: len(vms.started) == MAX_RUNNING + 1)
        infos = runner.of_vm(vm)
        assert sum(info.running for info in infos) == MAX_RUNNING
        assert sum(info.skipped for info in infos) == MAX_RUNNING
        assert only(runner, other).running == 1
        # The last run is the one begun last, whatever ends first.
        last = only(runner, other).last_run
        vms.started[0].ends(7)
        await until(lambda: vms.started[0].left.is_set())
        assert all(info.last_run is None or info.last_run.exit_code is None for info in runner.of_vm(vm))
        assert only(runner, other).last_run == last


async def test_few_vms_are_woken_at_once(runner: CronRunner, vms: Vms, time: Time, store: Store) -> None:
    count = MAX_STARTING + 3
    for number in range(count):
        vm = (await store.vms.get_or_create("vm", str(number), NOW))[0].id
        await runner.put(vm, JOB)
    vms.wakes.clear()
    async with running(runner, time):
        await time.is_at(FIRST)
        await until(lambda: vms.waking == MAX_STARTING)
        vms.wakes.set()
        # What runs holds none of them up.
        await until(lambda: len(vms.started) == count)


async def test_a_job_of_the_same_id_takes_its_place_and_knows_of_its_run(
    runner: CronRunner, vms: Vms, time: Time, vm: str, store: Store
) -> None:
    await runner.put(vm, JOB)
    async with running(runner, time):
        await time.is_at(FIRST)
        await until(lambda: len(vms.started) == 1)
        changed = replace(JOB, command="other", schedule="30 * * * *")
        info = await runner.put(vm, changed)
        assert (info.job, info.running, info.runs) == (changed, 1, 1)
        assert info.next_run_at is not None
        await time.is_at(info.next_run_at)
        assert (len(vms.started), only(runner, vm).skipped) == (1, 1)
        vms.started[0].ends()
        await recorded(store, 1)
        await until(lambda: only(runner, vm).running == 0)
        await time.is_at(info.next_run_at + 60 * MINUTE)
        await until(lambda: len(vms.started) == 2)
        assert vms.started[1].request.command == "other"


async def test_cancelling_ends_what_runs_and_what_waits(
    runner: CronRunner, vms: Vms, time: Time, vm: str, store: Store
) -> None:
    await runner.put(vm, replace(JOB, overlap="queue"))
    async with running(runner, time):
        for minute in range(3):
            await time.is_at(FIRST + minute * MINUTE)
        await until(lambda: len(vms.started) == 1)
        assert await runner.cancel(vm, "job") is True
        assert vms.started[0].left.is_set()
        assert runner.of_vm(vm) == []
        assert await store.cron.all() == []
        assert await runner.cancel(vm, "job") is False
        await time.is_at(FIRST + 10 * MINUTE)
        assert len(vms.started) == 1


async def test_a_vms_end_is_the_end_of_its_jobs(
    runner: CronRunner, vms: Vms, time: Time, vm: str, store: Store
) -> None:
    other = (await store.vms.get_or_create("vm", "b", NOW))[0].id
    for each in (vm, other):
        await runner.put(each, JOB)
    async with running(runner, time):
        await time.is_at(FIRST)
        await until(lambda: len(vms.started) == 2)
        await store.vms.mark_destroyed(vm, NOW)
        await runner.forget_vm(vm)
        assert runner.of_vm(vm) == []
        assert {each.vm_id for each in vms.started if each.left.is_set()} == {vm}
        with pytest.raises(NotFound):
            await runner.put(vm, JOB)
        assert runner.of_vm(vm) == []
        # One whose end nobody told is found out about.
        vms.refusal = NotFound("vm_not_found", "there is no such VM")
        next(each for each in vms.started if each.vm_id == other).ends()
        await until(lambda: only(runner, other).running == 0)
        await time.is_at(FIRST + MINUTE)
        await until(lambda: runner.of_vm(other) == [])


async def test_what_keeps_a_command_from_running_is_told(
    runner: CronRunner, vms: Vms, time: Time, vm: str, store: Store
) -> None:
    await runner.put(vm, JOB)
    vms.refusal = Unavailable("vm_boot_failed", "the VM did not start", "try again")
    async with running(runner, time):
        await time.is_at(FIRST)
        run = await recorded(store, 1)
        assert (run.exit_code, run.error) == (None, "the VM did not start (try again)")
        await until(lambda: only(runner, vm).running == 0)
        vms.refusal = None
        await time.is_at(FIRST + MINUTE)
        await until(lambda: len(vms.started) == 1)
        vms.started[0].events.put_nowait(Output("stderr", b"words"))
        vms.started[0].events.put_nowait(None)
        run = await recorded(store, 2)
        assert (run.output, run.error) == ("words", "its VM has stopped")


async def test_only_the_last_lines_are_kept_and_they_steer_no_terminal(
    runner: CronRunner, vms: Vms, time: Time, vm: str, store: Store
) -> None:
    await runner.put(vm, JOB)
    async with running(runner, time):
        await time.is_at(FIRST)
        await until(lambda: len(vms.started) == 1)
        vms.started[0].ends(0, *(f"line {number}\n" * 100 for number in range(100)), "\x1b[2Jlast\n")
        lines = (await recorded(store, 1)).output.splitlines()
        assert len(lines) == TAIL_LINES
        assert lines[-1].endswith("[2Jlast")
        assert "\x1b" not in lines[-1]


async def test_stopping_ends_what_runs_and_a_restart_waits_for_the_next_time(
    runner: CronRunner, vms: Vms, time: Time, vm: str, store: Store, clock: FakeClock
) -> None:
    await runner.put(vm, replace(JOB, overlap="queue"))
    async with running(runner, time):
        await time.is_at(FIRST)
        await time.is_at(FIRST + MINUTE)
        await until(lambda: len(vms.started) == 1)
        assert only(runner, vm).queued == 1
    assert vms.started[0].left.is_set()
    clock.now = FIRST + 10 * MINUTE + 5
    again = CronRunner(store.cron, vms.execute, clock, time.sleep)
    await again.load()
    info = only(again, vm)
    assert (info.next_run_at, info.running, info.queued, info.runs) == (FIRST + 11 * MINUTE, 0, 0, 1)
    assert info.last_run == CronRun(FIRST, error=INTERRUPTED)
    async with running(again, time):
        assert len(vms.started) == 1
        await time.is_at(FIRST + 11 * MINUTE)
        await until(lambda: len(vms.started) == 2)


async def test_what_is_refused_changes_nothing(runner: CronRunner, vm: str, store: Store) -> None:
    await runner.put(vm, JOB)
    before = runner.of_vm(vm)
    for wrong in (replace(JOB, schedule="x"), replace(JOB, time_zone="Nowhere")):
        with pytest.raises(InvalidRequest):
            await runner.put(vm, wrong)
    await store.close()
    with pytest.raises(HatchwayError):
        await runner.put(vm, replace(JOB, schedule="@daily"))
    with pytest.raises(HatchwayError):
        await runner.cancel(vm, "job")
    assert runner.of_vm(vm) == before


async def test_a_full_disk_keeps_no_job_from_running(
    runner: CronRunner, vms: Vms, time: Time, vm: str, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await runner.put(vm, JOB)
    await store.close()
    async with running(runner, time):
        with caplog.at_level(logging.WARNING):
            await time.is_at(FIRST)
            await until(lambda: len(vms.started) == 1)
    assert "could not be kept" in caplog.text


async def test_a_schedule_that_means_nothing_any_more_is_kept_and_not_run(
    runner: CronRunner, vms: Vms, time: Time, vm: str, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await store.cron.put(vm, replace(JOB, time_zone="Went/Away"), NOW)
    await runner.load()
    assert only(runner, vm).next_run_at is None
    assert "not known any more" in caplog.text
    async with running(runner, time):
        await time.is_at(FIRST + MINUTE)
        assert vms.started == []
        assert time.sleeping == LONGEST_PAUSE
