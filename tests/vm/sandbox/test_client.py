"""The zygote's own life, and launches asked of it directly."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hatchway.errors import Unavailable
from hatchway.options import Limits
from hatchway.vm.sandbox import disk, id_ranges
from hatchway.vm.sandbox.cgroups import GuestGroup, Hierarchy
from hatchway.vm.sandbox.client import LaunchRequest, Zygote
from hatchway.vm.sandbox.skeleton import build_skeleton

pytestmark = pytest.mark.sandbox

IS_ROOT = os.geteuid() == 0
NOWHERE = GuestGroup(((Hierarchy(1, Path("/nowhere"), frozenset({"pids"})), Path("/nowhere/group")),))


@pytest.fixture
async def zygote() -> AsyncIterator[Zygote]:
    zygote = await Zygote.start()
    yield zygote
    await zygote.close()


@pytest.fixture
def request_of_a_vm(data_dir: Path) -> LaunchRequest:
    folder = data_dir / "vm"
    disk.prepare(folder, id_ranges.first_uid(0) if IS_ROOT else None)
    return LaunchRequest(
        folder=folder,
        image=None,
        slot=0 if IS_ROOT else None,
        skeleton=build_skeleton(data_dir / "layers"),
        usr_layers=[Path("/usr")],
        limits=Limits(),
        group=GuestGroup(()),
    )


async def test_a_launch(zygote: Zygote, request_of_a_vm: LaunchRequest) -> None:
    exits: list[tuple[int, int]] = []
    channel, sockets = await zygote.launch(request_of_a_vm, lambda *ended: exits.append(ended))
    assert len(sockets) == 2
    for fd in sockets:
        os.close(fd)
    answer, fds = await channel.request("spawn", argv=["false"], env={"PATH": "/bin"}, cwd=None, stdin=False)
    assert [os.read(fd, 100) for fd in fds] == [b"", b""]
    for fd in fds:
        os.close(fd)
    while not exits:
        await channel.request("stat", path="/", follow=True)
    assert exits == [(answer.pid, 1 << 8)]
    channel.kill()
    await channel.wait_ended()


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({"group": NOWHERE}, "enter the cgroups"),
        ({"folder": Path("/nowhere/vm")}, "enter the VM's folder"),
        ({"skeleton": Path("/nowhere/skeleton")}, "lower layers"),
        ({"usr_layers": [Path("/nowhere/usr")]}, "lower layers"),
    ],
)
async def test_a_launch_that_fails_names_its_step_and_no_path(
    zygote: Zygote, request_of_a_vm: LaunchRequest, change: dict[str, object], step: str
) -> None:
    fields = {name: getattr(request_of_a_vm, name) for name in request_of_a_vm.__slots__}
    with pytest.raises(Unavailable, match=step) as caught:
        await zygote.launch(LaunchRequest(**fields | change), lambda _pid, _status: None)
    assert caught.value.code == "vm_boot_failed"
    assert "No such file or directory" in caught.value.message
    assert "nowhere" not in str(caught.value)
    # The next one is none the worse for it.
    channel, sockets = await zygote.launch(request_of_a_vm, lambda _pid, _status: None)
    for fd in sockets:
        os.close(fd)
    channel.kill()
    await channel.wait_ended()


async def test_groups_that_cannot_be_prepared_are_the_launchs_business(
    zygote: Zygote, request_of_a_vm: LaunchRequest
) -> None:
    await zygote.prepare(NOWHERE)
    channel, sockets = await zygote.launch(request_of_a_vm, lambda _pid, _status: None)
    for fd in sockets:
        os.close(fd)
    channel.kill()
    await channel.wait_ended()


async def test_a_killed_zygote_starts_nothing_more(zygote: Zygote, request_of_a_vm: LaunchRequest) -> None:
    assert not zygote.has_ended
    os.kill(zygote.pid, signal.SIGKILL)
    await zygote._gone.wait()
    assert zygote.has_ended
    with pytest.raises(Unavailable) as caught:
        await zygote.launch(request_of_a_vm, lambda _pid, _status: None)
    assert caught.value.code == "vm_boot_failed"


async def test_close_ends_a_zygote_that_is_stuck() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    zygote = await Zygote.start()
    os.kill(zygote.pid, signal.SIGSTOP)
    await asyncio.gather(zygote.close(), zygote.close())
    assert zygote.has_ended
    assert not Path(f"/proc/{zygote.pid}").exists()
    assert sorted(os.listdir("/proc/self/fd")) == before


async def test_the_environment_and_command_line_of_the_zygote_say_nothing(zygote: Zygote) -> None:
    folder = Path(f"/proc/{zygote.pid}")
    assert (folder / "environ").read_bytes().split(b"\0")[0] == b"LANG=C.UTF-8"
    assert (folder / "cmdline").read_bytes().rstrip(b"\0") == b"hatchway-zygote"
