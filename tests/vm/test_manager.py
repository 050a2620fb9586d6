"""VMs by key: booted once, told clearly why not, and gone without a trace."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from e2e.host_processes import guests
from e2e.waiting import eventually
from hatchway.errors import NotFound, Unavailable
from hatchway.options import VmOptions
from hatchway.software import Folder, Software
from hatchway.store.store import Store
from hatchway.vm.machine import Machine
from hatchway.vm.manager import VmManager
from hatchway.vm.records import ExecRequest, Exit, SpawnRequest, VmInfo
from hatchway.vm.sandbox.sandbox import Sandbox
from vm.running import run

pytestmark = pytest.mark.sandbox

NOW = 1_700_000_000.0
MakeManager = Callable[..., Awaitable[VmManager]]


@pytest.fixture
async def store(data_dir: Path) -> AsyncIterator[Store]:
    store = await Store.open(data_dir, lambda: NOW)
    yield store
    await store.close()


@pytest.fixture
async def make_manager(store: Store, sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[MakeManager]:
    made: list[VmManager] = []

    async def make(kinds: Mapping[str, VmOptions] | None = None) -> VmManager:
        manager = VmManager(
            store, sandbox, kinds or {"vm": VmOptions()}, tmp_path / "cache", tmp_path / "logs", lambda: NOW
        )
        made.append(manager)
        await manager.start()
        return manager

    yield make
    for manager in made:
        await manager.close()
    assert _running(sandbox) == 0


@pytest.fixture
async def manager(make_manager: MakeManager) -> VmManager:
    return await make_manager()


def _running(sandbox: Sandbox) -> int:
    """How many processes of VMs run."""
    return sum(process.runs for process in guests(sandbox.zygote_pid))


def _folders(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / "vms").iterdir())


async def _new(manager: VmManager, *key: str) -> VmInfo:
    vm, created = await manager.get_or_create("vm", key or ("agent",))
    assert created
    return vm


async def _removed(store: Store) -> None:
    while await store.vms.destroyed():
        pass


async def test_a_key_finds_its_vm(manager: VmManager) -> None:
    vm = await _new(manager, "a", "b/c")
    assert (vm.name, vm.key, vm.state, vm.created_at) == ("vm", ("a", "b/c"), "asleep", NOW)
    assert await manager.get_or_create("vm", ("a", "b/c")) == (vm, False)
    other = await _new(manager, "a", "b", "c")
    assert [each.id for each in await manager.list()] == [vm.id, other.id]
    assert await manager.get(other.id) == other
    with pytest.raises(NotFound, match="'machine'") as unknown:
        await manager.get_or_create("machine", ("a",))
    assert (unknown.value.code, unknown.value.hint) == ("unknown_vm_kind", "it has: vm")
    for action in (manager.get("none"), manager.running("none"), manager.destroy("none")):
        with pytest.raises(NotFound) as missing:
            await action
        assert missing.value.code == "vm_not_found"


async def test_a_hundred_callers_make_one_vm_and_one_boot(manager: VmManager, sandbox: Sandbox) -> None:
    async def use() -> tuple[str, Machine]:
        vm, _created = await manager.get_or_create("vm", ("agent",))
        return vm.id, await manager.running(vm.id)

    used = await asyncio.gather(*(use() for _ in range(100)))
    assert len(set(used)) == 1
    assert _running(sandbox) == 1
    vm_id, machine = used[0]
    assert (await manager.get(vm_id)).state == "running"
    await machine.stop()
    assert (await manager.get(vm_id)).state == "asleep"


async def test_a_boot_that_fails_is_told_to_all_and_can_be_tried_again(
    manager: VmManager, data_dir: Path, sandbox: Sandbox
) -> None:
    vm = await _new(manager)
    (data_dir / "vms").rename(data_dir / "elsewhere")
    results = await asyncio.gather(*(manager.running(vm.id) for _ in range(10)), return_exceptions=True)
    for result in results:
        assert isinstance(result, Unavailable)
        assert result.code == "vm_boot_failed"
        assert str(data_dir) not in str(result)
    assert (await manager.get(vm.id)).state == "asleep"
    (data_dir / "elsewhere").rename(data_dir / "vms")
    assert (await run(await manager.running(vm.id), "echo up")).stdout == "up\n"


async def test_software_that_is_missing_keeps_the_vm_from_booting(
    make_manager: MakeManager, tmp_path: Path
) -> None:
    folder = tmp_path / "tools"
    software = (Software("hello", ("hello",), Folder(folder)),)
    manager = await make_manager({"vm": VmOptions(software)})
    vm = await _new(manager)
    with pytest.raises(Unavailable) as caught:
        await manager.running(vm.id)
    assert caught.value.code == "software_missing"
    assert (await manager.get(vm.id)).state == "asleep"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "hello").write_text("#!/bin/sh\necho hello from a layer\n")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    assert (await run(await manager.running(vm.id), "hello")).stdout == "hello from a layer\n"


async def test_whoever_asked_first_may_be_cancelled(manager: VmManager) -> None:
    vm = await _new(manager)
    first = asyncio.create_task(manager.running(vm.id))
    await asyncio.sleep(0)
    second = asyncio.create_task(manager.running(vm.id))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).is_running
    assert first.cancelled()


async def test_a_vm_that_ends_by_itself_boots_again_with_its_files(manager: VmManager) -> None:
    vm = await _new(manager)
    for number in range(5):
        machine = await manager.running(vm.id)
        ran = await run(machine, f"cat log; echo {number} >>log; echo x >/tmp/lost; ls /tmp")
        assert ran.stdout.split() == [*map(str, range(number)), "lost"]
        os.kill(machine.init_pid, signal.SIGKILL)
        await machine.ended
        assert (await manager.get(vm.id)).state == "asleep"


async def test_destroy(manager: VmManager, store: Store, data_dir: Path, sandbox: Sandbox) -> None:
    vm, kept = await _new(manager), await _new(manager, "kept")
    machine = await manager.running(vm.id)
    await manager.running(kept.id)
    async with machine.exec(ExecRequest("echo begun; mkdir -p a/b/c; chmod 0 a; sleep 1000")) as events:
        await anext(events)
        await manager.destroy(vm.id)
        assert [event async for event in events] == [Exit(exit_code=None, signal=signal.SIGKILL)]
    assert not machine.is_running
    for action in (manager.destroy(vm.id), manager.get(vm.id), manager.running(vm.id)):
        with pytest.raises(NotFound) as caught:
            await action
        assert caught.value.code == "vm_not_found"
    again = await _new(manager)
    assert again.id != vm.id
    await _removed(store)
    assert _folders(data_dir) == [kept.id]
    assert (await run(await manager.running(again.id), "ls -A")).stdout == ""


async def test_destroy_while_it_boots(
    manager: VmManager, store: Store, data_dir: Path, sandbox: Sandbox
) -> None:
    for turns in range(0, 12, 2):
        vm = await _new(manager)
        booting = asyncio.create_task(manager.running(vm.id))
        for _ in range(turns):
            await asyncio.sleep(0)
        await manager.destroy(vm.id)
        await asyncio.wait([booting])
        assert booting.exception() is None or isinstance(booting.exception(), NotFound)
        await _removed(store)
        assert _folders(data_dir) == []
        assert _running(sandbox) == 0


async def test_destroy_asked_for_twice_or_by_somebody_who_leaves(
    manager: VmManager, store: Store, data_dir: Path, sandbox: Sandbox
) -> None:
    vm = await _new(manager)
    await manager.running(vm.id)
    results = await asyncio.gather(*(manager.destroy(vm.id) for _ in range(10)), return_exceptions=True)
    assert () in results
    assert all(result == () or isinstance(result, NotFound) for result in results)
    vm = await _new(manager)
    await manager.running(vm.id)
    leaving = asyncio.create_task(manager.destroy(vm.id))
    while vm.id not in manager._destroying:
        await store.vms.destroyed()
    leaving.cancel()
    await asyncio.wait([leaving])
    assert leaving.cancelled()
    while await store.vms.by_id(vm.id) is not None:
        pass
    await _removed(store)
    assert _folders(data_dir) == []
    assert _running(sandbox) == 0


async def test_removals_of_an_earlier_server_are_gone_on_with(
    make_manager: MakeManager, store: Store, data_dir: Path
) -> None:
    earlier = await make_manager()
    vm, kept = await _new(earlier), await _new(earlier, "kept")
    for each in (vm, kept):
        await run(await earlier.running(each.id), "echo text >file")
    await earlier.close()
    await store.vms.mark_destroyed(vm.id, NOW)
    (data_dir / "vms" / f"{vm.id}.5d").mkdir()  # moved up by a removal that was cut short
    later = await make_manager()
    await _removed(store)
    assert _folders(data_dir) == [kept.id]
    assert (await run(await later.running(kept.id), "cat file")).stdout == "text\n"


async def test_files_that_cannot_be_removed_wait_for_the_next_start(
    make_manager: MakeManager, store: Store, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager = await make_manager()
    vm = await _new(manager)
    (data_dir / "vms" / vm.id).write_text("no folder")
    with caplog.at_level(logging.WARNING):
        await manager.destroy(vm.id)
        await manager.close()
    assert [row.id for row in await store.vms.destroyed()] == [vm.id]
    assert "until the next start: Not a directory" in caplog.text
    assert str(data_dir) not in caplog.text
    (data_dir / "vms" / vm.id).unlink()
    await make_manager()
    await _removed(store)


async def test_close_leaves_nothing(make_manager: MakeManager, sandbox: Sandbox) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    groups = list(sandbox._cgroups._made_instances)
    manager = await make_manager()
    machines = [await manager.running((await _new(manager, str(number))).id) for number in range(3)]
    for machine in machines:
        await run(machine, "sleep 1000 & setsid sleep 1000 &")
    assert _running(sandbox) == 9
    booting = asyncio.create_task(manager.running((await _new(manager, "booting")).id))
    await asyncio.sleep(0)
    await manager.close()
    await asyncio.wait([booting])
    assert _running(sandbox) == 0
    assert sorted(os.listdir("/proc/self/fd")) == before
    with pytest.raises(Unavailable) as caught:
        await manager.running((await _new(manager, "late")).id)
    assert caught.value.code == "stopping"
    await sandbox.close()
    assert not [group for group in groups if group.exists()]


async def test_ports_are_events_of_the_vm_over_pauses_and_until_it_ends(manager: VmManager) -> None:
    vm = await _new(manager)
    log = await manager.events(vm.id)

    async def told(*kinds: str) -> bool:
        return [event.kind for event in log.since(0)[0] if event.kind.startswith(("port_", "vm_"))] == [
            *kinds
        ]

    serve = "import socket, sys; s = socket.create_server(('127.0.0.1', 3000)); sys.stdin.read()"
    async with manager.using(vm.id) as machine:
        await machine.spawn(SpawnRequest("python3", ["-c", serve]))
        await eventually(lambda: told("vm_booted", "port_opened"), "the port is told")
    await manager.pause(vm.id)
    async with manager.using(vm.id):
        assert await told("vm_booted", "port_opened", "vm_paused", "vm_resumed")
    await manager.sleep(vm.id)
    assert await told("vm_booted", "port_opened", "vm_paused", "vm_resumed", "port_closed", "vm_shutdown")
