"""The control API's operations on real VMs and a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hatchway.errors import HatchwayError, InvalidRequest, NotFound
from hatchway.gateway.listener import Gateway
from hatchway.options import PreviewOptions, VmOptions
from hatchway.preview.address import fetch_path
from hatchway.preview.grant import Grant
from hatchway.server.cron import CronRunner
from hatchway.server.cron_run import executing
from hatchway.server.services import ServerServices
from hatchway.store.store import Store
from hatchway.vm.cron_job import CronJob
from hatchway.vm.manager import VmManager
from hatchway.vm.records import ExecRequest, Output, PreviewInfo, SpawnRequest
from hatchway.vm.sandbox.sandbox import Sandbox
from server.conftest import NOW, FakeClock

pytestmark = pytest.mark.sandbox


class Member:
    """Something open under a grant."""

    is_cut = False

    def cut(self) -> None:
        self.is_cut = True


@pytest.fixture
async def gateway(clock: FakeClock) -> AsyncIterator[Gateway]:
    """A gateway that nobody asks anything."""
    gateway = Gateway(None, clock=clock)  # type: ignore[arg-type]
    await gateway.start("127.0.0.1", 0)
    yield gateway
    await gateway.stop()


@pytest.fixture
async def services(
    store: Store, data_dir: Path, tmp_path: Path, gateway: Gateway, clock: FakeClock
) -> AsyncIterator[ServerServices]:
    sandbox = await Sandbox.start(data_dir)
    kinds = {"vm": VmOptions(preview=PreviewOptions(60, 600))}
    manager = VmManager(store, sandbox, kinds, tmp_path / "cache", tmp_path / "logs", clock)
    cron = CronRunner(store.cron, executing(manager), clock)
    yield ServerServices(
        manager, store.previews, store.services, cron, gateway, lambda token: f"http://{token}.localhost:1/"
    )
    await manager.close()
    await sandbox.close()


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def test_cron_jobs_end_with_their_vm(services: ServerServices) -> None:
    vm, _ = await services.get_or_create_vm("vm", ("a",))
    other, _ = await services.get_or_create_vm("vm", ("b",))
    for each in (vm, other):
        await services.schedule_cron(each.id, CronJob("job", "@daily", "true"))
    with pytest.raises(InvalidRequest):
        await services.schedule_cron(vm.id, CronJob("no id", "@daily", "true"))
    await services.destroy_vm(vm.id)
    assert services._cron.of_vm(vm.id) == []
    for action in (services.list_cron_jobs(vm.id), services.cancel_cron_job(vm.id, "job")):
        with pytest.raises(NotFound):
            await action
    assert [info.job.id for info in await services.list_cron_jobs(other.id)] == ["job"]
    assert await services.cancel_cron_job(other.id, "job") is True


async def test_the_life_of_a_vm(services: ServerServices) -> None:
    vm, created = await services.get_or_create_vm("vm", ("a",))
    assert created
    assert await services.list_vms() == [vm] == [await services.get_vm(vm.id)]
    assert await services.write_file(
        vm.id, b"/home/user/tool", _chunks(b"#!/bin/sh\necho ran; exec sleep 1000\n"), 0o755
    )
    assert await services.file_exists(vm.id, b"/home/user/tool")
    async with services.read_file(vm.id, b"/home/user/tool") as file:
        assert b"".join([chunk async for chunk in file]).startswith(b"#!/bin/sh\n")
    async with services.exec(vm.id, ExecRequest("./tool")) as events:
        assert await anext(events) == Output("stdout", b"ran\n")
    pid = await services.spawn(vm.id, SpawnRequest("./tool"))
    assert [(process.pid, process.state) for process in await services.list_processes(vm.id)] == [
        (pid, "running")
    ]
    await services.signal_process(vm.id, pid, 15)
    assert (await services.wait_process(vm.id, pid)).signal == 15
    await services.delete_file(vm.id, b"/home/user/tool")
    assert not await services.file_exists(vm.id, b"/home/user/tool")
    await services.destroy_vm(vm.id)
    assert await services.list_vms() == []


async def test_previews(services: ServerServices, store: Store, gateway: Gateway, clock: FakeClock) -> None:
    vm, _ = await services.get_or_create_vm("vm", ("a",))
    other, _ = await services.get_or_create_vm("vm", ("b",))
    preview = await services.create_preview(vm.id, 3000, None)
    assert (preview.port, preview.expires_at) == (3000, NOW + 60)
    assert preview.path == fetch_path(preview.token)
    assert preview.url == f"http://{preview.token}.localhost:1/"
    assert (await services.create_preview(vm.id, 3000, 600)).expires_at == NOW + 600
    assert (preview.forward_host, preview.cors) == (False, "open")
    grant = store.previews.resolve(preview.token)
    assert isinstance(grant, Grant)
    assert (grant.forward_host, grant.app_cors) == (False, False)
    member = Member()
    gateway.grants.enter(member, grant.id, None, None)
    assert not await services.expire_preview(other.id, preview.token)  # a preview of another VM
    assert not member.is_cut
    assert await services.expire_preview(vm.id, preview.token)
    assert member.is_cut  # before the answer, so nothing goes on after it
    assert store.previews.resolve(preview.token) is None
    assert not await services.expire_preview(vm.id, preview.token)
    assert not await services.expire_preview(vm.id, "no token")
    # None of it starts the VM.
    assert {each.state for each in await services.list_vms()} == {"asleep"}


async def test_what_is_listed_holds_no_token(services: ServerServices, clock: FakeClock) -> None:
    vm, _ = await services.get_or_create_vm("vm", ("a",))
    other, _ = await services.get_or_create_vm("vm", ("b",))
    assert await services.list_previews(vm.id) == []
    preview = await services.create_preview(vm.id, 3000, 60, forward_host=True, cors="app", label="for Ana")
    clock.now += 10
    second = await services.create_preview(vm.id, 3001, None)
    listed = await services.list_previews(vm.id)
    assert listed == [
        PreviewInfo(preview.id, 3000, NOW, NOW + 60, forward_host=True, cors="app", label="for Ana"),
        PreviewInfo(second.id, 3001, NOW + 10, NOW + 70, forward_host=False, cors="open", label=""),
    ]
    assert preview.token not in repr(listed)
    assert await services.list_previews(other.id) == []
    clock.now = NOW + 60
    assert [each.id for each in await services.list_previews(vm.id)] == [second.id]
    # None of it starts the VM.
    assert {each.state for each in await services.list_vms()} == {"asleep"}


async def test_revoking_by_id(services: ServerServices, store: Store, gateway: Gateway) -> None:
    vm, _ = await services.get_or_create_vm("vm", ("a",))
    other, _ = await services.get_or_create_vm("vm", ("b",))
    preview = await services.create_preview(vm.id, 3000, None)
    grant = store.previews.resolve(preview.token)
    assert isinstance(grant, Grant)
    member = Member()
    gateway.grants.enter(member, grant.id, None, None)
    with pytest.raises(NotFound) as of_another:
        await services.expire_preview_by_id(other.id, preview.id)
    assert not member.is_cut
    await services.expire_preview_by_id(vm.id, preview.id)
    assert member.is_cut
    assert store.previews.resolve(preview.token) is None
    with pytest.raises(NotFound) as gone:
        await services.expire_preview_by_id(vm.id, preview.id)
    assert str(gone.value) == str(of_another.value)
    assert gone.value.code == of_another.value.code == "preview_not_found"


async def test_revoking_all(services: ServerServices, store: Store, gateway: Gateway) -> None:
    vm, _ = await services.get_or_create_vm("vm", ("a",))
    other, _ = await services.get_or_create_vm("vm", ("b",))
    members: list[Member] = []
    previews = [await services.create_preview(each.id, 3000, None) for each in (vm, vm, vm, other)]
    for preview in previews:
        grant = store.previews.resolve(preview.token)
        assert isinstance(grant, Grant)
        members.append(Member())
        gateway.grants.enter(members[-1], grant.id, None, None)
    assert await services.expire_previews(vm.id) == 3
    assert [member.is_cut for member in members] == [True, True, True, False]
    assert await services.expire_previews(vm.id) == 0
    assert await services.list_previews(vm.id) == []
    assert len(await services.list_previews(other.id)) == 1


async def test_renewing_reaches_what_is_open(
    services: ServerServices, store: Store, gateway: Gateway, clock: FakeClock
) -> None:
    vm, _ = await services.get_or_create_vm("vm", ("a",))
    other, _ = await services.get_or_create_vm("vm", ("b",))
    preview = await services.create_preview(vm.id, 3000, 60, label="mine")
    grant = store.previews.resolve(preview.token)
    assert isinstance(grant, Grant)
    member = Member()
    gateway.grants.enter(member, grant.id, grant.expires_at, None)
    with pytest.raises(NotFound):
        await services.renew_preview(other.id, preview.id, 600)
    for seconds, life in ((600, 600), (None, 60), (30, 30)):
        clock.now += 20
        renewed = await services.renew_preview(vm.id, preview.id, seconds)
        assert (renewed.expires_at, renewed.label, renewed.created_at) == (clock.now + life, "mine", NOW)
        assert await services.list_previews(vm.id) == [renewed]
        clock.now += 19.9
        gateway.grants.check()
        assert not member.is_cut
    clock.now += 10.1
    gateway.grants.check()
    assert member.is_cut
    with pytest.raises(NotFound) as ended:
        await services.renew_preview(vm.id, preview.id, 600)
    assert ended.value.code == "preview_not_found"
    assert store.previews.resolve(preview.token) is None


@pytest.mark.parametrize("seconds", [0, 601, "60", True])
async def test_a_renewal_has_the_limits_of_a_new_preview(services: ServerServices, seconds: object) -> None:
    vm, _ = await services.get_or_create_vm("vm", ("a",))
    preview = await services.create_preview(vm.id, 3000, None)
    with pytest.raises(HatchwayError) as caught:
        await services.renew_preview(vm.id, preview.id, seconds)
    assert caught.value.code == "invalid_expiry"
    assert "600" in caught.value.message
    assert (await services.list_previews(vm.id))[0].expires_at == preview.expires_at


async def test_vms_are_found_without_being_made(services: ServerServices) -> None:
    assert await services.list_vms("vm", ("a", "b/c")) == []
    assert await services.list_vms("no such kind", ("a",)) == []
    one, _ = await services.get_or_create_vm("vm", ("a", "b/c"))
    two, _ = await services.get_or_create_vm("vm", ("a", "b", "c"))
    assert await services.list_vms("vm", ("a", "b/c")) == [one]
    assert await services.list_vms(None, ("a", "b", "c")) == [two]
    assert await services.list_vms("vm") == [one, two]
    await services.destroy_vm(one.id)
    assert await services.list_vms("vm", ("a", "b/c")) == []


async def test_options_of_a_preview_reach_the_store(services: ServerServices, store: Store) -> None:
    vm, _ = await services.get_or_create_vm("vm", ("a",))
    preview = await services.create_preview(vm.id, 3000, None, forward_host=True, cors="app")
    assert (preview.forward_host, preview.cors) == (True, "app")
    grant = store.previews.resolve(preview.token)
    assert isinstance(grant, Grant)
    assert (grant.forward_host, grant.app_cors) == (True, True)


@pytest.mark.parametrize(
    ("port", "seconds", "code", "limits"),
    [
        (0, 60, "invalid_port", ("1", "65535")),
        (65536, 60, "invalid_port", ("1", "65535")),
        (3000, 0, "invalid_expiry", ("1", "600")),
        (3000, 601, "invalid_expiry", ("1", "600")),
        (3000, "60", "invalid_expiry", ("1", "600")),
        (3000, True, "invalid_expiry", ("1", "600")),
    ],
)
async def test_previews_out_of_range(
    services: ServerServices, port: int, seconds: object, code: str, limits: tuple[str, str]
) -> None:
    vm, _ = await services.get_or_create_vm("vm", ("a",))
    with pytest.raises(HatchwayError) as caught:
        await services.create_preview(vm.id, port, seconds)
    assert caught.value.code == code
    assert all(limit in caught.value.message for limit in limits)


async def test_a_vm_that_is_not_there(services: ServerServices) -> None:
    async def read() -> None:
        async with services.read_file("none", b"/x"):
            pass

    async def execute() -> None:
        async with services.exec("none", ExecRequest("true")):
            pass

    for action in (
        services.get_vm("none"),
        services.destroy_vm("none"),
        services.write_file("none", b"/x", _chunks(b""), None),
        read(),
        services.file_exists("none", b"/x"),
        services.delete_file("none", b"/x"),
        execute(),
        services.spawn("none", SpawnRequest("true")),
        services.list_processes("none"),
        services.wait_process("none", 1),
        services.signal_process("none", 1, 9),
        services.create_preview("none", 3000, 60),
        services.list_previews("none"),
        services.renew_preview("none", "0" * 20, 60),
        services.expire_preview("none", "t" * 32),
        services.expire_preview_by_id("none", "0" * 20),
        services.expire_previews("none"),
    ):
        with pytest.raises(NotFound) as caught:
            await action
        assert caught.value.code == "vm_not_found"
