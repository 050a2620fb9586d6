"""Cron jobs in real VMs, at a time that the test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hatchway.options import VmOptions
from hatchway.server.cron import CronRunner
from hatchway.server.cron_run import executing
from hatchway.store.store import Store
from hatchway.vm.cron_job import CronJob
from hatchway.vm.manager import VmManager
from hatchway.vm.records import ExecRequest, Exit
from hatchway.vm.sandbox.sandbox import Sandbox
from server.conftest import FakeClock
from server.test_cron import FIRST, MINUTE, Time, only, recorded, running, until

pytestmark = pytest.mark.sandbox


@pytest.fixture
async def manager(store: Store, data_dir: Path, tmp_path: Path, clock: FakeClock) -> AsyncIterator[VmManager]:
    sandbox = await Sandbox.start(data_dir)
    made = VmManager(store, sandbox, {"vm": VmOptions()}, tmp_path / "cache", tmp_path / "logs", clock)
    yield made
    await made.close()
    await sandbox.close()


@pytest.fixture
def time(clock: FakeClock) -> Time:
    return Time(clock)


@pytest.fixture
def runner(store: Store, manager: VmManager, time: Time, clock: FakeClock) -> CronRunner:
    return CronRunner(store.cron, executing(manager), clock, time.sleep)


@pytest.fixture
async def vm(manager: VmManager) -> str:
    return (await manager.get_or_create("vm", ("a",)))[0].id


async def _says(manager: VmManager, vm: str, command: str) -> int | None:
    """The exit code of a command."""
    async with manager.using(vm) as machine, machine.exec(ExecRequest(command)) as events:
        return [event async for event in events if isinstance(event, Exit)][-1].exit_code


async def test_a_vm_wakes_for_its_job(
    runner: CronRunner, manager: VmManager, time: Time, vm: str, store: Store
) -> None:
    command = "echo $A $PWD; echo error >&2; echo x >> kept; exit 3"
    await runner.put(vm, CronJob("job", "* * * * *", command, env={"A": "b"}, cwd="/tmp"))
    assert (await manager.get(vm)).state == "asleep"
    async with running(runner, time):
        await time.is_at(FIRST)
        run = await recorded(store, 1)
        assert (run.exit_code, run.error) == (3, None)
        assert sorted(run.output.splitlines()) == ["b /tmp", "error"]
        assert (await manager.get(vm)).state == "running"
        await manager.pause(vm)
        await until(lambda: only(runner, vm).running == 0)
        await time.is_at(FIRST + MINUTE)
        await recorded(store, 2)
        assert await _says(manager, vm, "test $(wc -l < /tmp/kept) = 2") == 0


async def test_a_run_holds_its_vm_awake_and_ends_with_its_job(
    runner: CronRunner, manager: VmManager, time: Time, vm: str
) -> None:
    await runner.put(vm, CronJob("job", "* * * * *", ["sh", "-c", "touch /tmp/begun; exec sleep 1000"]))
    async with running(runner, time):
        await time.is_at(FIRST)
        while await _says(manager, vm, "test -e /tmp/begun") != 0:
            pass
        life = await manager.life(vm)
        assert life.in_use
        await runner.cancel(vm, "job")
        assert not life.in_use
        while await _says(manager, vm, "grep -l '^sleep' /proc/[0-9]*/cmdline") == 0:
            pass  # killed, and not gone yet


async def test_stopping_leaves_no_process_and_time_outs_hold(
    runner: CronRunner, manager: VmManager, time: Time, vm: str, store: Store
) -> None:
    await runner.put(vm, CronJob("short", "* * * * *", "sleep 1000", timeout=0.1))
    async with running(runner, time):
        await time.is_at(FIRST)
        run = await recorded(store, 1)
        assert (run.timed_out, run.exit_code, run.signal) == (True, None, 9)
        await until(lambda: only(runner, vm).running == 0)
        await runner.put(vm, CronJob("short", "* * * * *", "touch /tmp/begun; exec sleep 1000"))
        await time.is_at(FIRST + MINUTE)
        while await _says(manager, vm, "test -e /tmp/begun") != 0:
            pass
    while await _says(manager, vm, "grep -l '^sleep' /proc/[0-9]*/cmdline") == 0:
        pass


async def test_destroying_ends_its_jobs(
    runner: CronRunner, manager: VmManager, time: Time, vm: str, store: Store
) -> None:
    await runner.put(vm, CronJob("job", "* * * * *", "sleep 1000"))
    async with running(runner, time):
        await time.is_at(FIRST)
        await until(lambda: only(runner, vm).running == 1)
        await manager.destroy(vm)
        await runner.forget_vm(vm)
        assert runner.of_vm(vm) == []
        await time.is_at(FIRST + MINUTE)
    assert await store.cron.all() == []
    assert (await manager.list()) == []
