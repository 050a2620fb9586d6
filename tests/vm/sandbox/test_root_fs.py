"""The mounts of a guest, as a guest sees them."""

from __future__ import annotations

import pytest

from hatchway.vm.machine import Machine
from vm.running import run, run_python

pytestmark = pytest.mark.sandbox


async def test_mounts_and_their_flags(machine: Machine) -> None:
    lines = (await run(machine, ["cat", "/proc/self/mounts"])).stdout.splitlines()
    mounts = {
        target: (kind, set(options.split(","))) for _, target, kind, options, _, _ in map(str.split, lines)
    }
    assert len(mounts) == len(lines)  # none hides another
    devices = {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")}
    assert set(mounts) - devices == {
        *("/ /usr /proc /dev /dev/pts /dev/shm /tmp /run".split()),
    }
    for target in ("/", "/usr"):
        assert mounts[target][0] == "overlay"
        assert mounts[target][1] >= {"rw", "nosuid", "nodev"}
    assert mounts["/proc"][1] >= {"nosuid", "nodev", "noexec"}
    assert mounts["/dev"][1] >= {"nosuid", "noexec"}
    for target in ("/tmp", "/run", "/dev/shm"):
        assert mounts[target][0] == "tmpfs"
        assert mounts[target][1] >= {"nosuid", "nodev"}


async def test_devices_work(machine: Machine) -> None:
    ran = await run(
        machine,
        "head -c 3 /dev/zero | od -An -tx1; head -c 8 /dev/urandom | wc -c; echo x >/dev/null && cat /dev/null; "
        "echo x >/dev/full || echo full; echo out >/dev/stdout; echo err >/dev/stderr; cat /dev/fd/3 3</etc/hostname",
    )
    assert ran.stdout.split() == ["00", "00", "00", "8", "full", "out", "vm"]
    assert "err\n" in ran.stderr


async def test_terminals_can_be_opened(machine: Machine) -> None:
    ran = await run_python(machine, "import os; os.openpty(); print(os.listdir('/dev/pts'))")
    assert ran.stdout == "['0', 'ptmx']\n", ran.stderr


async def test_the_root_cannot_be_left(machine: Machine) -> None:
    program = "import os; os.chdir('/../../..'); print(os.path.samefile('.', '/'), os.getcwd())"
    assert (await run_python(machine, program)).stdout == "True /\n"


async def test_a_privileged_file_of_the_vms_own_gives_nothing(machine: Machine) -> None:
    ran = await run(
        machine, "cp /bin/cat own; chmod 4755 own; ls -l own | cut -c1-10; grep -o nosuid /proc/self/mounts"
    )
    assert ran.stdout.split()[:2] == ["-rwsr-xr-x", "nosuid"]
