"""Nothing of the host is seen or changed from inside: files, environment, processes, fds, sockets, kernel settings."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hatchway.vm.machine import Machine
from hatchway.vm.sandbox.sandbox import Sandbox
from vm.running import Boot, run, run_python

pytestmark = pytest.mark.sandbox

CANARY = "canary-5d1f0c3e"


@pytest.fixture
def secrets_of_the_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A secret in the server's environment, in its files, and behind an inheritable fd, before anything starts."""
    monkeypatch.setenv("HOST_SECRET", CANARY)
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    secret.chmod(0o644)
    fd = os.open(secret, os.O_RDONLY)
    os.set_inheritable(fd, True)
    yield secret
    os.close(fd)


@pytest.fixture
async def machine(secrets_of_the_host: Path, boot: Boot) -> Machine:
    return await boot()


async def test_folders_of_the_host_are_not_there(machine: Machine, secrets_of_the_host: Path) -> None:
    ran = await run(
        machine, f"cat {secrets_of_the_host} /etc/shadow /etc/gshadow /etc/sudoers /var/lib/dpkg/status"
    )
    assert ran.stdout == ""
    assert ran.stderr.count("No such file") == 5
    assert (await run(machine, "ls -A /root")).stdout == ""
    assert (await run(machine, "ls -A /home /home/user")).stdout.split() == ["/home:", "user", "/home/user:"]
    assert (await run(machine, "ls -A / | tr '\\n' ' '")).stdout.split() == [
        *("bin dev etc home lib lib64 mnt opt proc root run sbin srv sys tmp usr var".split())
    ] or (await run(machine, "ls -A /")).stdout.count("\n") < 22
    assert (
        await run(machine, "ls -A /var/tmp /tmp /mnt /opt /srv /sys /run | grep -v :$")
    ).stdout.strip() == ""


async def test_the_host_configuration_in_usr_is_hidden(machine: Machine) -> None:
    assert (await run(machine, "ls -A /usr/local/etc")).stdout == ""


async def test_the_environment_is_made_up(machine: Machine) -> None:
    ran = await run(machine, "env; cat /proc/*/environ")
    assert CANARY not in ran.stdout
    names = {line.partition("=")[0] for line in (await run(machine, ["env"])).stdout.splitlines()}
    assert names == {"HOME", "LANG", "PATH", "SHELL", "SSL_CERT_FILE", "USER"}


async def test_only_its_own_processes_are_visible(machine: Machine) -> None:
    ran = await run(machine, "for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$file; echo; done")
    commands = [line.split()[0] for line in ran.stdout.splitlines() if line.strip()]
    assert commands[0] == "hatchway-init"
    assert set(commands) <= {"hatchway-init", "/bin/sh", "tr"}


async def test_no_fd_is_inherited(machine: Machine) -> None:
    # ls itself opens the folder it lists as the next free number.
    assert (await run(machine, ["ls", "/proc/self/fd"])).stdout.split() == ["0", "1", "2", "3"]
    targets = await run(machine, "readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2")
    kinds = [target.split(":")[0] for target in targets.stdout.splitlines()]
    assert kinds == ["/dev/null", "pipe", "pipe"]


async def test_mounts_name_no_host_path(machine: Machine, data_dir: Path) -> None:
    ran = await run(machine, "cat /proc/self/mountinfo /proc/self/mounts /proc/self/cgroup")
    assert str(data_dir) not in ran.stdout
    assert tempfile.gettempdir() + "/" not in ran.stdout
    for line in (await run(machine, "cat /proc/self/cgroup")).stdout.splitlines():
        assert line.rpartition(":")[2] in {"/", "/.."} or "hatchway" not in line


@pytest.mark.parametrize(
    "path",
    [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/fs/file-max",
        "/proc/sysrq-trigger",
        "/proc/1/oom_score_adj",
    ],
)
async def test_kernel_settings_cannot_be_written(machine: Machine, path: str) -> None:
    before = Path(path).read_text() if os.access(path, os.R_OK) and path.startswith("/proc/sys/") else None
    ran = await run(machine, f"echo 1 >{path}")
    assert ran.exit_code != 0
    if before is not None:
        assert Path(path).read_text() == before


async def test_kernel_memory_and_log_cannot_be_read(machine: Machine) -> None:
    for path in ("/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/kmsg", "/proc/kpageflags"):
        assert (await run(machine, ["head", "-c1", path])).exit_code != 0, path
    assert (await run(machine, ["dmesg"])).exit_code != 0


async def test_only_harmless_devices_are_there(machine: Machine) -> None:
    ran = await run(machine, "ls -A /dev")
    assert set(ran.stdout.split()) == {
        *("null zero full random urandom tty".split()),
        *("fd stdin stdout stderr ptmx pts shm".split()),
    }
    assert (await run(machine, "ls -A /dev/pts /dev/shm | grep -v : | tr -d '\\n'")).stdout == "ptmx"


async def test_unix_sockets_of_the_host_cannot_be_reached(machine: Machine) -> None:
    name = f"\0hatchway-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        program = f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})"
        ran = await run_python(machine, program)
    assert "ConnectionRefusedError" in ran.stderr
    assert (await run(machine, "grep -c hatchway-test /proc/net/unix")).stdout == "0\n"


async def test_host_loopback_and_interfaces_cannot_be_reached(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        program = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        ran = await run_python(machine, program)
    assert "ConnectionRefusedError" in ran.stderr
    assert (await run(machine, "ls /sys/class/net 2>/dev/null; tail -n +3 /proc/net/dev")).stdout.split(":")[
        0
    ].strip() == "lo"
    ran = await run_python(machine, "import socket; socket.create_connection(('192.0.2.1', 80), 2)")
    assert "Network is unreachable" in ran.stderr


async def test_another_vm_is_not_there(boot: Boot) -> None:
    first, second = await boot(), await boot()
    await run(first, "echo secret >/home/user/file; setsid sleep 1000 >/dev/null 2>&1 &")
    assert (await run(second, "cat /home/user/file")).exit_code == 1
    assert "sleep" not in (await run(second, "cat /proc/*/comm")).stdout


async def test_what_a_vm_writes_to_usr_stays_its_own(boot: Boot) -> None:
    if os.geteuid() != 0:
        pytest.skip("without root the host's /usr belongs to nobody inside, and cannot be written at all")
    first, second = await boot(), await boot()
    await run(first, "echo mine >/usr/bin/new-tool; rm /usr/bin/head")
    assert (await run(first, "cat /usr/bin/new-tool")).stdout == "mine\n"
    assert (await run(second, "ls /usr/bin/new-tool")).exit_code != 0
    assert not os.path.exists("/usr/bin/new-tool")
    assert os.path.exists("/usr/bin/head")


async def test_the_zygote_holds_nothing_of_the_server(secrets_of_the_host: Path, sandbox: Sandbox) -> None:
    folder = Path(f"/proc/{sandbox.zygote_pid}")
    assert CANARY.encode() not in (folder / "environ").read_bytes()
    targets = [os.readlink(link) for link in (folder / "fd").iterdir()]
    assert str(secrets_of_the_host) not in targets
