"""Asking about files of a real VM, making, moving and deleting them."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from hatchway.errors import HatchwayError
from hatchway.options import MIB, Limits
from hatchway.vm.machine import Machine
from vm.running import Boot, run

pytestmark = pytest.mark.sandbox


async def code_of(call: object) -> str:
    """The code of the error that awaiting `call` raises."""
    with pytest.raises(HatchwayError) as caught:
        await call  # type: ignore[misc]
    return caught.value.code


async def test_stat(machine: Machine) -> None:
    await run(
        machine, "printf 12345 >file; chmod 640 file; ln -s file link; mkfifo fifo; touch -d @12.5 file"
    )
    info = await machine.stat(b"/home/user/file")
    assert (info.kind, info.size, info.mode, info.uid, info.gid) == ("file", 5, 0o640, 0, 0)
    assert (info.modified_at, info.target) == (12.5, None)
    assert await machine.stat(b"/home/user/link") == info
    link = await machine.stat(b"/home/user/link", follow=False)
    assert (link.kind, link.target) == ("symlink", b"file")
    assert (await machine.stat(b"/home/user/fifo")).kind == "other"
    assert (await machine.stat(b"/")).kind == "directory"
    assert await code_of(machine.stat(b"/home/user/none")) == "file_not_found"


async def test_links_of_proc_show_nothing_of_the_host(machine: Machine) -> None:
    for name in (b"exe", b"cwd", b"root", b"fd/0"):
        for owner in (b"self", b"1", b"thread-self"):
            path = b"/proc/" + owner + b"/" + name
            assert await code_of(machine.stat(path)) == "invalid_path"
            assert (await machine.stat(path, follow=False)).target is None


async def test_a_time_that_no_calendar_has(machine: Machine) -> None:
    await run(machine, "touch -d @99999999999999 /tmp/far; touch -d @-99999999999999 /tmp/past")
    for name in (b"far", b"past"):
        assert abs((await machine.stat(b"/tmp/" + name)).modified_at) < 253_402_300_800


async def test_mkdir(machine: Machine) -> None:
    await machine.make_directory(b"/home/user/a")
    await machine.make_directory(b"/home/user/b/c", recursive=True, mode=0o700)
    await machine.make_directory(b"/home/user/b/c", recursive=True)
    assert await code_of(machine.make_directory(b"/home/user/a")) == "already_exists"
    assert await code_of(machine.make_directory(b"/home/user/x/y")) == "file_not_found"
    assert await code_of(machine.make_directory(b"/etc/passwd/x", recursive=True)) == "already_exists"
    assert await code_of(machine.make_directory(b"/proc/x")) in {"file_not_found", "not_permitted"}
    assert await code_of(machine.make_directory(b"/" + b"n" * 256)) == "invalid_path"
    assert (await run(machine, "stat -c '%a %n' a b b/c")).stdout == "755 a\n755 b\n700 b/c\n"


TREE = (
    "mkdir -p t/deep/er t/empty; printf x >t/file; chmod 4750 t/file; ln -s ../file t/deep/link;"
    " mkfifo t/deep/er/fifo; touch -d @1000000000 t/file t/deep; chmod 711 t;"
    " python3 -c \"open(b't/\\xff\\nname', 'w')\""
)
SHOW = "cd {} && find . | LC_ALL=C sort | xargs -d '\\n' stat -c '%A %Y %s %N' -- 2>&1 | grep -v /deep/er"


@pytest.mark.parametrize("target", [b"/home/user/moved", b"/tmp/moved", b"/dev/shm/moved"])
async def test_a_folder_moves_with_everything(machine: Machine, target: bytes) -> None:
    await run(machine, TREE)
    before = await run(
        machine, "cd t && find . -printf '%p %M %s %l\\0' | sort -z | tr '\\0' '|'; stat -c %Y file"
    )
    await machine.move_file(b"/home/user/t", target)
    after = await run(
        machine,
        f"cd {target.decode()} && find . -printf '%p %M %s %l\\0' | sort -z | tr '\\0' '|'; stat -c %Y file",
    )
    # A folder's own size depends on the file system.
    assert _without_folder_sizes(after.stdout) == _without_folder_sizes(before.stdout)
    assert (await run(machine, "ls -A")).stdout in {"", "moved\n"}
    assert (await run(machine, f"ls -A {os.path.dirname(target).decode()} | grep hatchway")).stdout == ""


def _without_folder_sizes(listed: str) -> list[str]:
    return [" ".join(line.split(" ")[:2]) if " d" in line else line for line in listed.split("|")]


async def test_a_file_moves_over_another(machine: Machine) -> None:
    await run(machine, "echo new >a; echo old >/tmp/b; ln -s nowhere l; printf x >/tmp/l")
    await machine.move_file(b"/home/user/a", b"/tmp/b")
    await machine.move_file(b"/home/user/l", b"/tmp/l")
    assert (await run(machine, "cat /tmp/b; readlink /tmp/l; ls -A . /tmp")).stdout == (
        "new\nnowhere\n.:\n\n/tmp:\nb\nl\n"
    )


@pytest.mark.parametrize("where", ["", "/tmp/"])
async def test_what_rename_refuses_is_refused_everywhere(machine: Machine, where: str) -> None:
    await run(machine, f"mkdir -p s/x {where}full/x {where}empty; touch f {where}file")
    folder = where.encode() or b"/home/user/"
    move = machine.move_file
    assert await code_of(move(b"/home/user/f", folder + b"empty")) == "is_a_directory"
    assert await code_of(move(b"/home/user/s", folder + b"file")) == "not_a_directory"
    assert await code_of(move(b"/home/user/s", folder + b"full")) == "directory_not_empty"
    assert await code_of(move(b"/home/user/f", folder + b"none/f")) == "file_not_found"
    assert await code_of(move(b"/home/user/none", folder + b"x")) == "file_not_found"
    assert await code_of(move(b"/home/user/s", b"/home/user/s/x/s")) == "invalid_path"
    await move(b"/home/user/s", folder + b"empty")
    assert (await run(machine, f"ls -A {where}empty; ls -A . /tmp | grep hatchway")).stdout == "x\n"


async def test_a_folder_of_the_system_moves(machine: Machine) -> None:
    # overlayfs itself does not rename a folder of a lower layer.
    found = await run(machine, "ls -d /etc/ssl && ls -A /etc/ssl | wc -l")
    await machine.move_file(b"/etc/ssl", b"/etc/moved")
    assert (await run(machine, "ls -A /etc/moved | wc -l; ls -d /etc/ssl")).stdout == found.stdout.split(
        "\n"
    )[1] + "\n"


async def test_what_may_not_go_is_not_copied_either(machine: Machine) -> None:
    # Under an ordinary user's server, /usr belongs to an id that the VM does not have; under root's it is the VM's own.
    moved = None if os.geteuid() == 0 else "not_permitted"
    found = None
    try:
        await machine.move_file(b"/usr/share/doc", b"/tmp/doc")
    except HatchwayError as error:
        found = error.code
    assert found == moved
    assert await machine.exists(b"/tmp/doc") is (moved is None)
    assert await machine.exists(b"/usr/share/doc") is (moved is not None)


async def test_kernel_files_are_not_moved(machine: Machine) -> None:
    for source in (b"/proc/self", b"/proc/version", b"/proc/1", b"/proc"):
        assert await code_of(machine.move_file(source, b"/tmp/x")) in {"not_permitted", "not_a_regular_file"}
    for device in (b"/dev/null", b"/dev/pts"):
        assert await code_of(machine.move_file(device, b"/tmp/x")) in {"not_permitted", "not_a_regular_file"}
    assert (await run(machine, "ls -A /tmp; ls /dev/null")).stdout == "/dev/null\n"


async def test_a_move_without_room_leaves_the_source(boot: Boot) -> None:
    machine = await boot(Limits(tmp_bytes=MIB))
    await run(machine, "mkdir t; head -c 3000000 /dev/zero >t/big")
    assert await code_of(machine.move_file(b"/home/user/t", b"/tmp/t")) == "storage_full"
    assert (await run(machine, "ls -A /tmp; stat -c %s t/big")).stdout == "3000000\n"


async def test_delete_recursive(machine: Machine) -> None:
    await run(machine, TREE + "; ln -s t link; mkdir kept; ln -s ../kept t/out; touch kept/file")
    assert await code_of(machine.delete_file(b"/home/user/t")) == "directory_not_empty"
    await machine.delete_file(b"/home/user/link", recursive=True)
    await machine.delete_file(b"/home/user/t", recursive=True)
    assert (await run(machine, "ls -A . kept")).stdout == ".:\nkept\n\nkept:\nfile\n"
    await machine.delete_file(b"/home/user/kept/file", recursive=True)
    await machine.delete_file(b"/home/user/kept", recursive=True)
    assert await code_of(machine.delete_file(b"/home/user/none", recursive=True)) == "file_not_found"


async def test_what_cannot_be_deleted(machine: Machine) -> None:
    for path in (b"/", b"/proc", b"/tmp", b"/dev/pts"):
        assert await code_of(machine.delete_file(path, recursive=True)) == "not_permitted"
    assert (await run(machine, "ls /proc/version")).exit_code == 0


async def test_guest_init_answers_while_it_deletes(machine: Machine) -> None:
    await run(
        machine,
        "mkdir t; cd t; for i in $(seq 200); do mkdir $i; for j in $(seq 50); do : >$i/$j; done; done",
    )
    deleting = asyncio.create_task(machine.delete_file(b"/home/user/t", recursive=True))
    longest = 0.0
    while not deleting.done():
        started = time.monotonic()
        await machine.exists(b"/home/user")
        longest = max(longest, time.monotonic() - started)
    await deleting
    assert longest < 1
