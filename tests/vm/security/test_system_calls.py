"""System calls by which a guest could leave its namespaces or reach wide into the kernel: all refused."""

from __future__ import annotations

import errno
import json

import pytest

from hatchway.vm.machine import Machine
from hatchway.vm.sandbox import capabilities, seccomp
from vm.running import Boot, run, run_python

pytestmark = pytest.mark.sandbox

_CALL = """
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
results = {}
for name, number in NUMBERS.items():
    ctypes.set_errno(0)
    result = libc.syscall(number, *ARGUMENTS)
    results[name] = [result, ctypes.get_errno()]
print(json.dumps(results))
"""


async def _call(machine: Machine, numbers: dict[str, int], arguments: str) -> dict[str, list[int]]:
    program = f"NUMBERS = {numbers!r}\nARGUMENTS = {arguments}\n{_CALL}"
    ran = await run_python(machine, program)
    assert ran.exit_code == 0, ran.stderr
    results: dict[str, list[int]] = json.loads(ran.stdout)
    return results


async def test_every_denied_call_answers_eperm(machine: Machine) -> None:
    numbers = dict(seccomp.X86_64.denied)
    results = await _call(machine, numbers, "(0, 0, 0, 0, 0, 0)")
    assert results == {name: [-1, errno.EPERM] for name in numbers}


async def test_clone3_is_unknown_so_that_libc_uses_clone(machine: Machine) -> None:
    assert await _call(machine, {"clone3": 435}, "(0, 0)") == {"clone3": [-1, errno.ENOSYS]}


@pytest.mark.parametrize(
    "flag",
    [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x80],
    ids=["mount", "cgroup", "uts", "ipc", "user", "pid", "net", "time"],
)
async def test_clone_makes_no_namespace(machine: Machine, flag: int) -> None:
    results = await _call(machine, {"clone": 56}, f"({flag | 17}, 0, 0, 0, 0)")
    assert results == {"clone": [-1, errno.EPERM]}


async def test_x32_calls_are_unknown(machine: Machine) -> None:
    results = await _call(machine, {"x32 getpid": 0x40000000 | 39}, "()")
    assert results == {"x32 getpid": [-1, errno.ENOSYS]}


@pytest.mark.parametrize(
    ("family", "name"),
    [
        (40, "AF_VSOCK"),
        (17, "AF_PACKET"),
        (38, "AF_ALG"),
        (31, "AF_BLUETOOTH"),
        (44, "AF_XDP"),
        (29, "AF_CAN"),
    ],
)
async def test_sockets_of_other_families_are_refused(machine: Machine, family: int, name: str) -> None:
    results = await _call(machine, {name: 41}, f"({family}, 1, 0)")
    assert results == {name: [-1, errno.EAFNOSUPPORT]}


async def test_raw_sockets_are_refused(machine: Machine) -> None:
    ran = await run_python(machine, "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)")
    assert "PermissionError" in ran.stderr


async def test_programs_for_another_architecture_are_killed(machine: Machine) -> None:
    # int 0x80 enters the kernel as a 32-bit program would, where numbers mean other calls: 20 is getpid there.
    program = """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
print("lived")
"""
    ran = await run_python(machine, program)
    assert ran.stdout == ""
    assert ran.signal is not None


@pytest.mark.parametrize(
    "command",
    [
        "mount -t tmpfs none /mnt",
        "mount --bind /usr /mnt",
        "umount /proc",
        "unshare --user true",
        "unshare --mount true",
        "nsenter --target 1 --mount true",
        "chroot / true",
        "mknod /tmp/device b 8 0",
        "hostname other",
        "ip link add dummy0 type dummy",
    ],
)
async def test_tools_that_would_leave_are_refused(machine: Machine, command: str) -> None:
    ran = await run(machine, command)
    assert ran.exit_code not in {0, 127}, f"{command}: {ran.stdout}{ran.stderr}"


async def test_capabilities_are_few_and_no_exec_brings_more(machine: Machine) -> None:
    kept = f"{sum(1 << number for number in capabilities.KEPT):016x}"
    ran = await run(machine, "sh -c 'sh -c \"cat /proc/self/status\"'")
    status = dict(line.split(":\t", 1) for line in ran.stdout.splitlines() if ":\t" in line)
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"] == kept
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


async def test_node_and_python_run_under_the_filter(boot: Boot) -> None:
    machine = await boot()
    ran = await run(
        machine,
        ["node", "-e", "new (require('worker_threads').Worker)('process.stdout.write(`ok`)', {eval: true})"],
    )
    assert (ran.exit_code, ran.stdout) == (0, "ok"), ran.stderr
    ran = await run_python(
        machine, "import threading; t = threading.Thread(target=print, args=('ok',)); t.start(); t.join()"
    )
    assert ran.stdout == "ok\n", ran.stderr
