"""Guests from one sandbox: what they see of their making, and what is left of those that were not to be."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from e2e.host_processes import descendants, guests
from hatchway.errors import Unavailable
from hatchway.options import Limits
from hatchway.vm.machine import Machine
from hatchway.vm.sandbox.sandbox import Sandbox
from hatchway.vm.sandbox.skeleton import ETC
from vm.running import Boot, run

pytestmark = pytest.mark.sandbox


def _running(sandbox: Sandbox) -> int:
    return sum(process.runs for process in guests(sandbox.zygote_pid))


def _none_runs(sandbox: Sandbox) -> bool:
    """True, once no process of a guest runs: one that never started ends by itself."""
    while _running(sandbox):
        pass
    return True


def _layer(path: Path, **commands: str) -> Path:
    """A layer with these commands, each of which says its text."""
    (path / "local" / "bin").mkdir(parents=True)
    for name, text in commands.items():
        command = path / "local" / "bin" / name
        command.write_text(f"#!/bin/sh\necho {text}\n")
        command.chmod(0o755)
    for folder in (path, path / "local", path / "local" / "bin"):
        folder.chmod(0o755)
    return path


async def test_a_guest_sees_the_made_up_root(boot: Boot) -> None:
    machine = await boot()
    for name, text in ETC.items():
        assert (await run(machine, ["cat", f"/etc/{name}"])).stdout == text
    assert (await run(machine, "uname -n; pwd; echo ~; id -un")).stdout.split() == [
        "vm",
        "/home/user",
        "/home/user",
        "root",
    ]
    assert (await run(machine, "ls -A /var/lib/dpkg /root /home/user 2>&1 | grep -v :")).stdout.strip() == ""


async def test_it_can_write_wherever_root_can(boot: Boot) -> None:
    machine = await boot()
    folders = ["/", "/etc", "/home/user", "/root", "/opt", "/srv", "/var/lib", "/tmp", "/run", "/dev/shm"]
    ran = await run(
        machine, f"for folder in {' '.join(folders)}; do echo x >$folder/file && echo $folder; done"
    )
    assert ran.stdout.split() == folders, ran.stderr


async def test_each_layer_is_over_those_below_it(boot: Boot, tmp_path: Path) -> None:
    top = _layer(tmp_path / "top", hello="from-the-top", env="over-the-host")
    bottom = _layer(tmp_path / "bottom", hello="from-the-bottom", other="from-the-bottom")
    machine = await boot(layers=(top, bottom))
    ran = await run(machine, "hello; other; env; command -v hello; command -v sh")
    assert ran.stdout.splitlines()[:4] == [
        "from-the-top",
        "from-the-bottom",
        "over-the-host",
        "/usr/local/bin/hello",
    ]
    assert (await run(machine, ["hello"])).stdout == "from-the-top\n"


async def test_what_a_vm_does_to_a_layer_stays_in_the_vm(boot: Boot, tmp_path: Path) -> None:
    layer = _layer(tmp_path / "layer", hello="untouched")
    first, second = await boot(layers=(layer,)), await boot(layers=(layer,))
    await run(first, "echo '#!/bin/sh' >/usr/local/bin/hello; rm -rf /usr/local/bin")
    assert (await run(second, "hello")).stdout == "untouched\n"
    assert (layer / "local" / "bin" / "hello").read_text().endswith("untouched\n")
    assert [path.name for path in (layer / "local" / "bin").iterdir()] == ["hello"]


async def test_a_hundred_guests_at_once(sandbox: Sandbox) -> None:
    async def live(number: int) -> str:
        machine = await Machine.boot(sandbox, f"vm{number}", number, Limits(), ())
        ran = await run(machine, f"echo {number} >file; cat file")
        await machine.stop()
        return ran.stdout

    assert await asyncio.gather(*(live(number) for number in range(100))) == [f"{n}\n" for n in range(100)]
    assert _running(sandbox) == 0


async def test_a_boot_that_is_cancelled_leaves_no_process(sandbox: Sandbox) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    steps = 0
    while True:  # cancelled ever later, until one is through before
        booting = asyncio.create_task(sandbox.boot("vm", 0, Limits(), [], lambda _pid, _status: None))
        for _ in range(steps):
            if not booting.done():
                await asyncio.wait([booting], timeout=0)
        if not booting.cancel():
            break
        await asyncio.wait([booting])
        assert booting.cancelled()
        assert _none_runs(sandbox)
        assert sorted(os.listdir("/proc/self/fd")) == before
        steps += 1 + steps // 4
    guest = booting.result()
    for fd in guest.sockets:
        os.close(fd)
    guest.channel.kill()
    await guest.channel.wait_ended()
    assert _running(sandbox) == 0


async def test_a_zygote_that_was_killed_is_replaced(
    sandbox: Sandbox, boot: Boot, caplog: pytest.LogCaptureFixture
) -> None:
    survivor = await boot()
    earlier = sandbox.zygote_pid
    os.kill(earlier, signal.SIGKILL)
    while any(process.pid == earlier and process.runs for process in descendants(os.getpid())):
        pass
    with caplog.at_level(logging.WARNING):
        machines = [await boot() for _ in range(3)]
    assert sandbox.zygote_pid != earlier
    assert len(caplog.messages) == 1
    for machine in (survivor, *machines):
        assert (await run(machine, "echo alive")).stdout == "alive\n"


async def test_boots_under_way_when_the_zygote_is_killed_succeed_or_fail_clearly(sandbox: Sandbox) -> None:
    async def live(number: int) -> str:
        machine = await Machine.boot(sandbox, f"vm{number}", number, Limits(), ())
        ran = await run(machine, "echo alive")
        await machine.stop()
        return ran.stdout

    for turns in (1, 3, 10, 30):
        booting = [asyncio.create_task(live(number)) for number in range(20)]
        for _ in range(turns):
            await asyncio.sleep(0)
        os.kill(sandbox.zygote_pid, signal.SIGKILL)
        for result in await asyncio.gather(*booting, return_exceptions=True):
            if isinstance(result, Unavailable):
                assert result.code == "vm_boot_failed"
            else:
                assert result == "alive\n"
        assert await live(99) == "alive\n"


async def test_a_guest_that_cannot_start_says_in_which_step(
    sandbox: Sandbox, data_dir: Path, tmp_path: Path
) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    (data_dir / "vms" / "b").write_text("no folder")
    for name, layers, step in (("a", [tmp_path / "none"], "lower layers"), ("b", [], "the VM's folder")):
        with pytest.raises(Unavailable, match=step) as caught:
            await sandbox.boot(name, 0, Limits(), layers, lambda _pid, _status: None)
        assert caught.value.code == "vm_boot_failed"
        assert str(tmp_path) not in str(caught.value)
    assert _none_runs(sandbox)
    assert sorted(os.listdir("/proc/self/fd")) == before


async def test_a_vm_boots_at_once_after_its_end(sandbox: Sandbox) -> None:
    for number in range(20):
        machine = await Machine.boot(sandbox, "vm", 0, Limits(), ())
        assert (await run(machine, "cat log 2>/dev/null | wc -l; echo x >>log")).stdout == f"{number}\n"
        await machine.stop()


async def test_the_end_leaves_no_process_fd_or_group(data_dir: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    sandbox = await Sandbox.start(data_dir)
    zygote, groups = sandbox.zygote_pid, list(sandbox._cgroups._made_instances)
    machine = await Machine.boot(sandbox, "vm", 0, Limits(), ())
    await run(machine, "sleep 1000 &")
    await machine.stop()
    await sandbox.close()
    await sandbox.close()
    assert not Path(f"/proc/{zygote}").exists()
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert [group for group in groups if group.exists()] == []
    assert sorted(path.name for path in (data_dir / "vms").iterdir()) == ["vm"]  # nothing of the probe


async def test_a_start_that_is_cancelled_leaves_nothing(data_dir: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    for steps in (0, 1, 2, 3, 5, 8, 13, 21, 34):
        starting = asyncio.create_task(Sandbox.start(data_dir))
        for _ in range(steps):
            await asyncio.wait([starting], timeout=0)
        starting.cancel()
        await asyncio.wait([starting])
        if not starting.cancelled():
            await starting.result().close()
        assert sorted(os.listdir("/proc/self/fd")) == before
