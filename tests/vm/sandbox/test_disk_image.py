"""A disk of an exact size: what a hostile guest cannot pass, what it keeps, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.waiting import wait_until
from hatchway.errors import Unavailable
from hatchway.options import SMALLEST_DISK, Limits
from hatchway.vm.machine import Machine
from hatchway.vm.sandbox import disk, disk_image, image_mount
from hatchway.vm.sandbox.sandbox import Sandbox
from vm.running import Boot, run, run_python
from vm.sandbox.loop_devices import attached, is_on_the_host, needs_images

pytestmark = [pytest.mark.sandbox, needs_images]

SIZE = 32 * 1024 * 1024
LIMITS = Limits(disk_bytes=SIZE)

FULL = """
import errno, os
def full(make):
    try:
        for number in range(10_000):  # on a host whose disk would not be limited this ends, too
            make(number)
    except OSError as error:
        print(errno.errorcode[error.errno])
"""


async def _until(true: Callable[[], bool]) -> None:
    """The kernel takes a mount down in its own time."""
    await asyncio.to_thread(wait_until, true, "the kernel is done")


def _taken(data_dir: Path, name: str = "vm0") -> int:
    return sum(path.lstat().st_blocks * 512 for path in (data_dir / "vms" / name).rglob("*"))


async def test_one_file_fills_the_disk_and_no_more(boot: Boot, data_dir: Path) -> None:
    machine = await boot(LIMITS)
    program = "with open('/home/user/big', 'wb', 0) as file: full(lambda _: file.write(bytes(1 << 20)))"
    assert (await run_python(machine, FULL + program)).stdout == "ENOSPC\n"
    assert _taken(data_dir) <= SIZE + 2**20
    room = "import os; found = os.statvfs('/home/user'); print(found.f_blocks * found.f_frsize)"
    assert int((await run_python(machine, room)).stdout) < SIZE


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(
            "full(lambda number: open(f'/home/user/{number}', 'w').write('x' * 100))", id="many-files"
        ),
        pytest.param("full(lambda number: open(f'/home/user/{number}', 'w').close())", id="empty-files"),
        pytest.param("full(lambda number: os.mkdir(f'/home/user/{number}'))", id="folders"),
        pytest.param(
            "os.chdir('/home/user'); full(lambda _: (os.mkdir('d' * 200), os.chdir('d' * 200)))",
            id="deep-tree",
        ),
        pytest.param(
            "os.chdir('/home/user')\nfull(lambda n: os.symlink('t' * 2000, f'link{n}'))", id="links"
        ),
        pytest.param(
            "file = open('/home/user/a', 'wb', 0); os.unlink('/home/user/a')\n"
            "full(lambda _: file.write(bytes(1 << 20)))",
            id="a-deleted-file",
        ),
        pytest.param(
            "file = open('/home/user/a', 'wb', 0); os.truncate('/home/user/a', 1 << 32)\n"
            "full(lambda n: os.pwrite(file.fileno(), b'x', n << 12))",
            id="holes-that-are-filled",
        ),
        pytest.param(
            "full(lambda n: os.posix_fallocate(os.open('/home/user/a', os.O_CREAT | os.O_RDWR), n << 20, 1 << 20))",
            id="space-reserved",
        ),
        pytest.param("full(lambda n: open(f'/usr/local/{n}', 'wb').write(bytes(1 << 20)))", id="below-usr"),
    ],
)
async def test_however_it_is_filled_the_host_keeps_its_room(boot: Boot, data_dir: Path, attack: str) -> None:
    machine = await boot(LIMITS)
    ran = await run_python(machine, FULL + attack)
    assert ran.stdout == "ENOSPC\n", ran.stderr
    assert _taken(data_dir) <= SIZE + 2**20


async def test_hard_links_and_holes_take_nothing(boot: Boot, data_dir: Path) -> None:
    machine = await boot(LIMITS)
    ran = await run(
        machine,
        "cd ~; truncate -s 4G holes; head -c 1M /dev/urandom >file; for n in $(seq 300); do ln file link$n; done;"
        " ls -s holes; ls | wc -l",
    )
    assert ran.stdout == "0 holes\n302\n", ran.stderr
    assert _taken(data_dir) < SIZE // 4


async def test_what_is_deleted_is_given_back(boot: Boot, data_dir: Path) -> None:
    machine = await boot(LIMITS)
    assert (await run(machine, "head -c 20M /dev/urandom >~/a && sync")).exit_code == 0
    await _until(lambda: _taken(data_dir) > 20 * 2**20)
    assert (await run(machine, "rm ~/a && sync")).exit_code == 0
    await _until(lambda: _taken(data_dir) < 10 * 2**20)


async def test_files_are_kept_and_so_is_the_size(sandbox: Sandbox, data_dir: Path) -> None:
    room = "df --output=size / | tail -1"
    machine = await Machine.boot(sandbox, "a", 0, LIMITS, ())
    first = (await run(machine, f"echo kept >~/file; chown 5:7 ~/file; {room}")).stdout
    await machine.stop()
    # At once again, while the kernel may still write what the first left; and without a limit, or with another.
    for limits in (LIMITS, Limits(), Limits(disk_bytes=SIZE * 2)):
        machine = await Machine.boot(sandbox, "a", 0, limits, ())
        ran = await run(machine, f"cat ~/file; stat -c %u:%g ~/file; {room}")
        assert ran.stdout == f"kept\n5:7\n{first}"
        await machine.stop()
    await sandbox.remove("a")
    await _until(lambda: not is_on_the_host(data_dir))
    assert os.listdir(data_dir / "vms") == []


async def test_a_disk_made_without_a_size_stays_without(sandbox: Sandbox, data_dir: Path) -> None:
    machine = await Machine.boot(sandbox, "a", 0, Limits(), ())
    await run(machine, "echo kept >~/file")
    await machine.stop()
    machine = await Machine.boot(sandbox, "a", 0, LIMITS, ())
    assert (await run(machine, "cat ~/file")).stdout == "kept\n"
    assert not (data_dir / "vms" / "a" / disk_image.IMAGE).exists()
    await machine.stop()


async def test_it_is_never_in_the_hosts_tree_and_the_guest_does_not_see_it(
    boot: Boot, data_dir: Path
) -> None:
    machine = await boot(LIMITS)
    assert attached(data_dir) == [f"{data_dir}/vms/vm0/{disk_image.IMAGE}"]
    assert str(data_dir) not in Path("/proc/self/mountinfo").read_text()
    seen = (await run(machine, "cat /proc/self/mountinfo /proc/mounts; ls -A /")).stdout
    assert not any(word in seen for word in ("ext4", "loop", "lost+found", disk_image.IMAGE, str(data_dir)))
    await machine.stop()
    await _until(lambda: not is_on_the_host(data_dir))


async def test_an_image_is_mounted_once_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / disk_image.IMAGE
    disk_image.make(image, SMALLEST_DISK, 0)
    first = image_mount.mount_image(str(image))
    monkeypatch.setattr(image_mount, "LOCK_SECONDS", 0.05)
    with pytest.raises(OSError) as refused:
        image_mount.mount_image(str(image))
    assert refused.value.errno == errno.EBUSY
    monkeypatch.undo()
    mounted: list[int] = []
    waiting = threading.Thread(target=lambda: mounted.append(image_mount.mount_image(str(image))))
    waiting.start()
    os.close(first)
    await asyncio.to_thread(waiting.join)
    os.close(mounted[0])
    await _until(lambda: not attached(tmp_path))


async def test_a_spoilt_image_is_told(sandbox: Sandbox, data_dir: Path) -> None:
    disk.prepare(data_dir / "vms" / "a", None)
    (data_dir / "vms" / "a" / disk_image.IMAGE).write_bytes(bytes(SMALLEST_DISK))
    with pytest.raises(Unavailable) as refused:
        await Machine.boot(sandbox, "a", 0, LIMITS, ())
    assert refused.value.code == "vm_boot_failed"
    assert str(data_dir) not in str(refused.value)
    await sandbox.remove("a")
    await _until(lambda: not is_on_the_host(data_dir))


def test_one_half_made_is_never_used(tmp_path: Path) -> None:
    (tmp_path / f"{disk_image.IMAGE}.new").write_bytes(b"x")
    disk_image.make(tmp_path / disk_image.IMAGE, SMALLEST_DISK, 1_000_000)
    assert [path.name for path in tmp_path.iterdir()] == [disk_image.IMAGE]
    assert (tmp_path / disk_image.IMAGE).stat().st_size == SMALLEST_DISK
    assert (tmp_path / disk_image.IMAGE).stat().st_mode & 0o777 == 0o600
    with pytest.raises(OSError, match="failed"):
        disk_image.make(tmp_path / "other", 4096, 0)
    assert len(list(tmp_path.iterdir())) == 1
