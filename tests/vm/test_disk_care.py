"""Disks that are measured: a VM over its limit, a host without room, folders that nobody owns."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from e2e.waiting import wait_until
from hatchway.errors import Unavailable
from hatchway.options import SMALLEST_DISK, Limits, VmOptions
from hatchway.store.store import Store
from hatchway.vm import disk_care
from hatchway.vm.disk_care import DiskUsage
from hatchway.vm.disk_policy import Room
from hatchway.vm.garbage import Garbage
from hatchway.vm.machine import Machine
from hatchway.vm.machine_supply import MachineSupply
from hatchway.vm.manager import VmManager
from hatchway.vm.sandbox import disk_image
from hatchway.vm.sandbox.disk_usage import measure
from hatchway.vm.sandbox.sandbox import Sandbox
from vm.running import run

pytestmark = pytest.mark.sandbox

MIB, GIB = 1024**2, 1024**3
LIMITED = {"vm": VmOptions(limits=Limits(disk_bytes=SMALLEST_DISK)), "free": VmOptions()}
Make = Callable[[], Awaitable[VmManager]]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a host where no disk of an exact size can be made."""
    monkeypatch.setattr(disk_image, "can_be_made", lambda: False)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> list[Room]:
    """The free room, as the test wants it: the first for ever, or one after another as they are looked at."""
    rooms = [Room(100 * GIB, 50 * GIB)]
    monkeypatch.setattr(disk_care, "_room_of", lambda _: rooms.pop(0) if len(rooms) > 1 else rooms[0])
    return rooms


@pytest.fixture
async def make(
    data_dir: Path, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Make]:
    monkeypatch.setattr(disk_care, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(disk_care, "MEASURE_SECONDS", 0.02)
    store = await Store.open(data_dir)
    made: list[VmManager] = []

    async def make() -> VmManager:
        made.append(VmManager(store, sandbox, LIMITED, tmp_path / "cache", tmp_path / "logs"))
        await made[-1].start()
        return made[-1]

    yield make
    for manager in made:
        await manager.close()
    await store.close()


@pytest.fixture
async def manager(make: Make) -> VmManager:
    return await make()


async def _boot(manager: VmManager, kind: str = "vm", key: str = "a") -> tuple[str, Machine]:
    vm_id = (await manager.get_or_create(kind, (key,)))[0].id
    return vm_id, await manager.running(vm_id)


async def _usage(manager: VmManager, vm_id: str) -> DiskUsage:
    kind = (await manager.get(vm_id)).name
    return await manager.disks.usage(vm_id, LIMITED[kind].limits.disk_bytes)


async def _is_measured(manager: VmManager, vm_id: str) -> None:
    care = manager.disks
    await asyncio.to_thread(wait_until, lambda: vm_id in care._sizes, "the VM is measured")


@pytest.mark.parametrize(
    "attack",
    [
        "for n in $(seq 1500); do head -c 1M /dev/zero >>~/big || exit; done",
        "for n in $(seq 3000); do head -c 500K /dev/zero >~/file$n || exit; done",
        "cd ~; for n in $(seq 3000); do mkdir d && chmod 0 . && cd d && head -c 500K /dev/zero >file || exit; done",
        "cd ~; truncate -s 2G a; for n in $(seq 1500); do dd if=/dev/zero of=a bs=1M seek=$n count=1; done",
    ],
    ids=["one-file", "many-files", "deep-closed-folders", "a-hole-filled"],
)
async def test_a_vm_over_its_limit_that_grows_is_stopped(
    manager: VmManager, data_dir: Path, measured: None, attack: str
) -> None:
    other, others_machine = await _boot(manager, key="other")
    vm_id, machine = await _boot(manager)
    await _is_measured(manager, vm_id)
    ran = asyncio.get_running_loop().create_task(run(machine, attack))
    async with asyncio.timeout(25):
        await machine.ended
    await asyncio.gather(ran, return_exceptions=True)
    events = [event for event in (await manager.events(vm_id)).since(0)[0] if event.kind == "vm_disk_full"]
    assert len(events) == 1
    assert events[0].data["limit"] == SMALLEST_DISK
    taken = events[0].data["bytes"]
    assert isinstance(taken, int)
    assert taken > SMALLEST_DISK
    assert others_machine.is_running
    assert (await _usage(manager, vm_id)).bytes >= taken
    assert (await _usage(manager, other)).limit == SMALLEST_DISK


async def test_one_that_is_over_it_and_does_not_grow_can_be_tidied_up(
    manager: VmManager, measured: None
) -> None:
    vm_id, machine = await _boot(manager)
    await _is_measured(manager, vm_id)
    await run(machine, "head -c 40M /dev/zero >~/big", timeout=10)
    await machine.ended
    machine = await manager.running(vm_id)
    await _is_measured(manager, vm_id)
    assert (await _usage(manager, vm_id)).bytes > SMALLEST_DISK
    ran = await run(machine, "rm ~/big; echo tidied")
    assert ran.stdout == "tidied\n"
    assert (await _usage(manager, vm_id)).bytes < SMALLEST_DISK
    assert machine.is_running


async def test_without_room_nothing_is_written_and_what_grows_is_stopped(
    manager: VmManager, room: list[Room], measured: None
) -> None:
    vm_id, machine = await _boot(manager, "free")
    _, quiet = await _boot(manager, "free", "quiet")
    manager.disks.check_room()
    room[0] = Room(100 * GIB, GIB // 2)
    await _is_measured(manager, vm_id)
    with pytest.raises(Unavailable) as refused:
        manager.disks.check_room()
    assert (refused.value.code, refused.value.status) == ("storage_full", 503)
    ran = asyncio.get_running_loop().create_task(
        run(machine, "for n in $(seq 1500); do head -c 1M /dev/zero >>~/big || exit; done")
    )
    await machine.ended
    await asyncio.gather(ran, return_exceptions=True)
    assert quiet.is_running
    room[0] = Room(100 * GIB, 2 * GIB)
    await asyncio.to_thread(wait_until, lambda: not manager.disks._low, "there is room again")
    manager.disks.check_room()


async def test_when_the_reserve_goes_every_vm_is_stopped(manager: VmManager, room: list[Room]) -> None:
    _, first = await _boot(manager, "free")
    _, second = await _boot(manager, "free", "b")
    assert first.is_running
    room[:] = [Room(100 * GIB, (200 * MIB) - number * MIB // 2) for number in range(9)]  # slowly
    async with asyncio.timeout(15):
        await asyncio.gather(first.ended, second.ended)


async def test_measuring_holds_nothing_up(
    manager: VmManager, measured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tree that takes for ever to measure: the loop goes on, others are measured, and the server stops."""
    slow: list[Path] = []

    def takes_for_ever(folder: Path, is_stopped: Callable[[], bool] = bool) -> int:
        if slow and folder == slow[0]:
            wait_until(is_stopped, "it is stopped", 60)
        return measure(folder, is_stopped)

    monkeypatch.setattr("hatchway.vm.garbage.measure", takes_for_ever)
    vm_id = (await manager.get_or_create("vm", ("slow",)))[0].id
    slow.append(manager._sandbox.vms / vm_id)
    await manager.running(vm_id)
    other, machine = await _boot(manager)
    await _is_measured(manager, other)
    assert (await run(machine, "echo x")).stdout == "x\n"
    async with asyncio.timeout(10):
        await manager.close()


async def test_the_usage_of_a_vm(manager: VmManager) -> None:
    vm_id = (await manager.get_or_create("free", ("a",)))[0].id
    assert (await _usage(manager, vm_id)).bytes == 0
    machine = await manager.running(vm_id)
    before = (await _usage(manager, vm_id)).bytes
    await run(machine, "head -c 5M /dev/urandom >~/file; sync ~/file; chmod 0 ~")
    usage = await _usage(manager, vm_id)
    assert 5 * MIB <= usage.bytes - before < 6 * MIB
    assert usage.limit is None
    assert (await run(machine, "stat -c %a /home/user")).stdout == "0\n", "measuring leaves modes as they are"


async def test_orphans_go_at_the_start_and_nothing_else(
    make: Make, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await make()
    vm_id, machine = await _boot(first, "free")
    await run(machine, "echo kept >~/file")
    await first.close()
    vms = data_dir / "vms"
    orphan, reserved = "a" * 20, "b" * 20
    for name in (orphan, f"{orphan}.1f", reserved, "other"):
        (vms / name / "deep" / "er").mkdir(parents=True)
    (vms / orphan / "deep").chmod(0)
    (vms / orphan / "link").symlink_to(vms / vm_id)
    monkeypatch.setattr(MachineSupply, "reserved_ids", lambda _: frozenset({reserved}))
    second = await make()
    await asyncio.to_thread(wait_until, lambda: not (vms / orphan).exists(), "the orphan is gone")
    await asyncio.to_thread(wait_until, lambda: len(os.listdir(vms)) == 3, "what was left of it, too")
    assert {reserved, "other", vm_id} == set(os.listdir(vms))
    machine = await second.running(vm_id)
    assert (await run(machine, "cat ~/file")).stdout == "kept\n"


async def test_collecting_while_vms_come_and_go(manager: VmManager, data_dir: Path) -> None:
    stop = False

    async def churn(key: str) -> None:
        while not stop:
            vm_id, machine = await _boot(manager, "free", key)
            assert (await run(machine, "echo x >~/file; cat ~/file")).stdout == "x\n"
            await manager.destroy(vm_id)

    churning = [asyncio.get_running_loop().create_task(churn(key)) for key in "abc"]
    orphan = data_dir / "vms" / ("z" * 20)
    found: list[Garbage] = []
    for number in range(60):
        if number == 30:
            orphan.mkdir()
        found += await manager.disks.collect(dry_run=False)
    stop = True
    await asyncio.gather(*churning)
    assert [each.name for each in found] == [orphan.name]
    assert not orphan.exists()


async def test_what_cannot_be_removed_is_told(
    manager: VmManager, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data_dir / "vms" / ("z" * 20)).mkdir()

    def refuse(_: Path) -> None:
        raise PermissionError(1, "Operation not permitted", "/some/path")

    monkeypatch.setattr("hatchway.vm.sandbox.disk.remove", refuse)
    with pytest.raises(Unavailable) as refused:
        await manager.disks.collect(dry_run=False)
    assert refused.value.code == "storage_failed"
    assert "/" not in refused.value.message
    assert stat.S_ISDIR((data_dir / "vms" / ("z" * 20)).stat().st_mode)
