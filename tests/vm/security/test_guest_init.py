"""PID 1 of a guest runs our code among hostile processes: they can neither read it, stop it, nor feed it code."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from hatchway.errors import Unavailable
from hatchway.options import Limits
from hatchway.vm.machine import Machine
from hatchway.vm.sandbox import id_ranges
from hatchway.vm.sandbox.sandbox import Sandbox
from vm.running import Boot, run, run_python

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize(
    "path", ["mem", "maps", "environ", "fd", "ns/mnt", "root/etc", "cwd/etc", "exe", "io", "stack", "syscall"]
)
async def test_nothing_of_it_can_be_read_through_proc(machine: Machine, path: str) -> None:
    ran = await run(machine, f"cat /proc/1/{path} || ls /proc/1/{path}/ && readlink /proc/1/{path}")
    assert ran.exit_code != 0, ran.stdout
    assert ran.stdout == ""


async def test_it_cannot_be_traced_and_its_memory_not_copied(machine: Machine) -> None:
    program = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
print(libc.ptrace(PTRACE_ATTACH, 1, 0, 0), libc.ptrace(PTRACE_SEIZE, 1, 0, 0))
buffer = ctypes.create_string_buffer(8)
class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
ours = IoVec(ctypes.addressof(buffer), 8)
theirs = IoVec(0x400000, 8)
print(libc.process_vm_readv(1, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0))
pidfd = libc.syscall(434, 1, 0)
print([libc.syscall(438, pidfd, number, 0) for number in range(20)])
"""
    ran = await run_python(machine, program)
    assert ran.stdout.splitlines() == ["-1 -1", "-1", str([-1] * 20)], ran.stderr


async def test_signals_from_inside_do_not_reach_it(machine: Machine) -> None:
    deadly = "KILL TERM INT QUIT SEGV ABRT HUP USR1 STOP"
    ran = await run(machine, f"for name in {deadly}; do kill -$name 1; done; echo alive")
    assert ran.stdout == "alive\n"
    assert (await run(machine, "echo still")).stdout == "still\n"


async def test_what_it_shows_of_itself_names_no_host_path(machine: Machine) -> None:
    ran = await run(machine, "tr '\\0' ' ' </proc/1/cmdline; cat /proc/1/comm")
    assert ran.stdout.split() == ["hatchway-init", "hatchway-init"]


async def test_it_imports_nothing_that_the_guest_could_have_written(machine: Machine) -> None:
    # Every operation, after the guest has replaced what an import would find: were one to happen, it would fail.
    await run(machine, "rm -rf /usr/lib/python3*/encodings /usr/lib/python3*/json 2>/dev/null; true")

    async def chunks() -> object:
        yield b"text"

    await machine.write_file("/home/user/ümlaut".encode(), chunks(), 0o600)  # type: ignore[arg-type]
    assert await machine.exists(b"/home/user/\xff") is False
    async with machine.read_file("/home/user/ümlaut".encode()) as file:
        assert [chunk async for chunk in file] == [b"text"]
    with pytest.raises(Unavailable, match="nothing listens"):
        await machine.dial(9)
    await machine.delete_file("/home/user/ümlaut".encode())
    assert (await run(machine, ["false"])).exit_code == 1


async def test_guest_root_is_not_host_root(machine: Machine) -> None:
    status = Path(f"/proc/{machine.init_pid}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    expected = id_ranges.first_uid(0) if os.geteuid() == 0 else os.geteuid()
    assert uids == [str(expected)] * 4
    assert (await run(machine, "id -u")).stdout == "0\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could map guest root to host root")
async def test_a_guest_whose_root_would_be_host_root_is_refused(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(id_ranges, "FIRST_UID", 0)
    with pytest.raises(Unavailable) as caught:
        await sandbox.boot("bad", 0, Limits(), [], lambda _pid, _status: None)
    assert caught.value.code == "isolation_unavailable"


async def test_its_end_ends_every_process(boot: Boot) -> None:
    machine = await boot()
    await run(machine, "for i in 1 2 3 4 5; do setsid sleep 1000 & done")
    inside = _descendants(machine.init_pid)
    assert len(inside) == 5
    os.kill(machine.init_pid, signal.SIGKILL)
    await machine.ended
    assert not any(os.path.exists(f"/proc/{pid}") for pid in inside)


def _descendants(pid: int) -> set[int]:
    """All living processes below `pid`."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry)] = int(fields[1])
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found
