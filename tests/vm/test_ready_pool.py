"""VMs that wait ready: how many, what happens to those that ended, and that none is left."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from e2e.host_processes import guests
from e2e.waiting import eventually
from hatchway.errors import Unavailable
from hatchway.options import VmOptions
from hatchway.store.store import Store
from hatchway.vm.manager import VmManager
from hatchway.vm.ready_pool import ReadyPool, ReadyVm, has_memory
from hatchway.vm.sandbox.sandbox import Sandbox
from vm.running import Boot, run

pytestmark = pytest.mark.sandbox


class Pool:
    """A pool of real machines, and what became of them."""

    def __init__(self, boot: Boot, most: int) -> None:
        self.boot = boot
        self.made: list[ReadyVm] = []
        self.discarded: list[ReadyVm] = []
        self.memory = True
        self.failure: Exception | None = None
        self.pool = ReadyPool(self.make, self.discard, most, lambda: self.memory)

    async def make(self, kind: str) -> ReadyVm:
        if self.failure is not None:
            raise self.failure
        self.made.append(ReadyVm(f"{kind}{len(self.made)}", len(self.made), await self.boot()))
        return self.made[-1]

    async def discard(self, ready: ReadyVm) -> None:
        await ready.machine.stop()
        self.discarded.append(ready)

    async def has(self, count: int) -> None:
        async def enough() -> bool:
            return len(self.pool.ids()) == count

        await eventually(enough, f"{count} wait")


@pytest.fixture
async def make_pool(boot: Boot) -> AsyncIterator[Callable[[int], Pool]]:
    made: list[Pool] = []

    def make(most: int) -> Pool:
        made.append(Pool(boot, most))
        return made[-1]

    yield make
    for pool in made:
        await pool.pool.close()
        assert pool.pool.ids() == set()


async def test_as_many_wait_as_were_taken_lately_but_no_more_than_may(
    make_pool: Callable[[int], Pool],
) -> None:
    pool = make_pool(2)
    assert pool.pool.take("vm") is None
    await pool.has(1)
    first = pool.pool.take("vm")
    assert first is not None
    assert (await run(first.machine, "echo up")).stdout == "up\n"
    await pool.has(2)
    assert [pool.pool.take("vm") for _ in range(3)] == [*pool.made[1:3], None]
    await pool.has(2)


async def test_none_waits_where_none_may_or_memory_is_short(make_pool: Callable[[int], Pool]) -> None:
    none, short = make_pool(0), make_pool(2)
    short.memory = False
    for pool in (none, short):
        assert pool.pool.take("vm") is None
        await asyncio.sleep(0)
        await pool.has(0)
        assert pool.made == []
    assert has_memory() in {True, False}


async def test_one_that_has_ended_is_given_to_nobody(make_pool: Callable[[int], Pool]) -> None:
    pool = make_pool(1)
    pool.pool.take("vm")
    await pool.has(1)
    await pool.made[0].machine.stop()
    assert pool.pool.take("vm") is None
    await pool.has(1)
    assert pool.discarded == pool.made[:1]


async def test_a_boot_that_fails_is_tried_again_with_the_next(make_pool: Callable[[int], Pool]) -> None:
    pool = make_pool(1)
    pool.failure = Unavailable("vm_boot_failed", "no")
    pool.pool.take("vm")
    await asyncio.sleep(0)
    pool.failure = None
    pool.pool.take("vm")
    await pool.has(1)


async def test_new_vms_get_those_that_wait_and_nothing_is_left(
    data_dir: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    store = await Store.open(data_dir)
    manager = VmManager(
        store, sandbox, {"vm": VmOptions()}, tmp_path / "cache", tmp_path / "logs", ready_vms=1
    )

    async def waits() -> bool:
        return len(manager.machines.waiting_ids()) == 1

    slots = set()
    for number in itertools.count():
        waiting = manager.machines.waiting_ids()
        vm, created = await manager.get_or_create("vm", (str(number),))
        assert (created, vm.state) == (True, "asleep")
        if number:
            assert {vm.id} == waiting, "it was the one that waited"
        row = await store.vms.by_id(vm.id)
        assert row is not None
        slots.add(row.slot)
        machine = await manager.running(vm.id)
        assert (await run(machine, "echo x >/home/user/file; ls /home/user")).stdout == "file\n"
        if number == 3:
            break
        await eventually(waits, "one waits")
    assert slots == {0, 1, 2, 3}
    same, created = await manager.get_or_create("vm", ("0",))
    assert not created
    await manager.sleep(same.id)
    assert (await run(await manager.running(same.id), "ls /home/user")).stdout == "file\n"
    unused, _created = await manager.get_or_create("vm", ("unused",))
    await manager.destroy(unused.id)
    await manager.close()
    assert not any(process.runs for process in guests(sandbox.zygote_pid))
    assert sorted(path.name for path in (data_dir / "vms").iterdir()) == sorted(
        [row.id for row in await store.vms.list()]
    )
    await store.close()


async def test_one_that_is_taken_by_a_caller_who_leaves_is_its_vms_all_the_same(
    data_dir: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    store = await Store.open(data_dir)
    manager = VmManager(
        store, sandbox, {"vm": VmOptions()}, tmp_path / "cache", tmp_path / "logs", ready_vms=1
    )

    async def waits() -> bool:
        return len(manager.machines.waiting_ids()) == 1

    await manager.get_or_create("vm", ("first",))
    await eventually(waits, "one waits")
    (waiting,) = manager.machines._pool._waiting["vm"]
    making = asyncio.create_task(manager.get_or_create("vm", ("second",)))
    while manager.machines.waiting_ids():  # noqa: ASYNC110 - not a turn later than it is taken
        await asyncio.sleep(0)
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    vm, _created = await manager.get_or_create("vm", ("second",))
    assert vm.id == waiting.id
    assert await manager.running(vm.id) is waiting.machine
    assert (await run(waiting.machine, "echo up")).stdout == "up\n"
    await manager.destroy(vm.id)
    await manager.close()
    assert not any(process.runs for process in guests(sandbox.zygote_pid))
    await store.close()
