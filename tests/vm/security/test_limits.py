"""Limits hold, and hold for every later command: whatever one VM does, the host and the others go on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hatchway.options import MIB, Limits
from hatchway.vm.machine import Machine
from hatchway.vm.sandbox.sandbox import Sandbox
from vm.running import Boot, run, run_python

pytestmark = pytest.mark.sandbox


async def test_the_number_of_processes(boot: Boot) -> None:
    machine = await boot(Limits(processes=30))
    other = await boot(Limits(processes=30))
    ran = await run_python(
        machine,
        """
import os, time
made = 0
try:
    while made < 1000:
        if os.fork() == 0:
            time.sleep(1000)
        made += 1
except OSError as error:
    print(made, error.errno)
""",
    )
    made, number = ran.stdout.split()
    assert int(made) < 30
    assert number == "11"
    # The limit is each VM's own.
    assert (await run(other, "true & true & true & wait; echo fine")).stdout == "fine\n"


async def test_memory(boot: Boot, sandbox: Sandbox) -> None:
    if "memory" not in sandbox.controllers:
        pytest.skip("this user has no cgroup controller for memory (`hatchway doctor` says how to get it)")
    machine = await boot(Limits(memory_bytes=64 * MIB))
    ran = await run_python(machine, "x = bytearray(200 * 1024 * 1024); print(len(x))")
    assert ran.stdout == ""
    assert ran.signal == 9
    assert (await run(machine, "echo alive")).stdout == "alive\n"


async def test_the_size_of_a_file(boot: Boot) -> None:
    machine = await boot(Limits(file_bytes=MIB))
    ran = await run_python(
        machine,
        """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    open("/home/user/big", "wb").write(bytes(2 * 1024 * 1024))
except OSError as error:
    print(error.errno)
""",
    )
    assert ran.stdout == "27\n"


async def test_open_files_of_a_process(boot: Boot) -> None:
    machine = await boot(Limits(open_files=64))
    ran = await run_python(machine, "x = [open('/dev/null') for _ in range(100)]")
    assert "Too many open files" in ran.stderr


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm", "/run"])
async def test_the_size_of_memory_file_systems(boot: Boot, folder: str) -> None:
    machine = await boot(Limits(tmp_bytes=MIB))
    ran = await run(machine, f"head -c 2000000 /dev/zero >{folder}/big")
    assert "No space left" in ran.stderr


async def test_no_core_file_is_written(boot: Boot) -> None:
    machine = await boot()
    assert (await run(machine, "ulimit -c; ulimit -Hc")).stdout == "0\n0\n"


async def test_limits_hold_for_later_commands_and_cannot_be_raised(boot: Boot) -> None:
    machine = await boot(Limits(open_files=64, processes=40))
    for _ in range(3):
        ran = await run(machine, "ulimit -Hn; ulimit -n 65; echo $?")
        assert ran.stdout.split() == ["64", "2"] or ran.stdout.split()[0] == "64"
    ran = await run_python(machine, "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (128, 128))")
    assert ran.exit_code != 0


async def test_cgroups_hold_every_process_of_the_vm(boot: Boot, sandbox: Sandbox) -> None:
    if "pids" not in sandbox.controllers:
        pytest.skip("this user has no cgroup controller for processes: RLIMIT_NPROC holds instead")
    machine = await boot()
    with open(f"/proc/{machine.init_pid}/cgroup") as file:
        lines = [line.rstrip("\n") for line in file]
    groups = [line for line in lines if "hatchway-" in line]
    assert groups, lines
    # Inside, the group looks like the root of its hierarchy, and so does that of a later command.
    inside = (await run(machine, "cat /proc/self/cgroup")).stdout.splitlines()
    for line in groups:
        number, names, _path = line.split(":", 2)
        assert f"{number}:{names}:/" in inside


async def test_every_vm_has_groups_of_its_own_with_its_own_limits(boot: Boot, sandbox: Sandbox) -> None:
    if "pids" not in sandbox.controllers:
        pytest.skip("this user has no cgroup controller for processes: RLIMIT_NPROC holds instead")
    # One after another and at once: groups made ahead, and groups made when they are needed.
    machines = [await boot(Limits(processes=101)), await boot(Limits(processes=102))]
    machines += await asyncio.gather(*(boot(Limits(processes=number)) for number in range(103, 107)))
    limits = {folder: folder / "pids.max" for machine in machines for folder in _groups(machine)}
    found = sorted(int(file.read_text()) for file in limits.values() if file.exists())
    assert found == list(range(101, 107))
    for machine in machines:
        pids = {line for folder in _groups(machine) for line in (folder / "cgroup.procs").read_text().split()}
        assert str(machine.init_pid) in pids


def _groups(machine: Machine) -> list[Path]:
    """The folders of the control groups of a machine, from the host's view."""
    own = Path(f"/proc/{machine.init_pid}/cgroup").read_text().splitlines()
    paths = {line.split(":")[2] for line in own if "hatchway-" in line}
    return [
        folder for path in paths for folder in Path("/sys/fs/cgroup").glob(f"**{path}") if folder.is_dir()
    ]
