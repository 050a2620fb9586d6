"""Folders of a real VM as archives, both ways."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archive.test_pack import pack
from archive.test_unpack import unpack
from archive.trees import look, make_tree
from hatchway.archive import writer
from hatchway.archive.member import Member
from hatchway.archive.unpack import OF_STRANGER
from hatchway.errors import HatchwayError
from hatchway.options import MIB, Limits
from hatchway.vm.machine import Machine
from vm.running import Boot, run
from vm.workers import no_worker_is_left, workers

pytestmark = pytest.mark.sandbox


async def pieces(data: bytes, step: int = 50_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), step):
        yield data[start : start + step]


async def archived(machine: Machine, path: bytes) -> bytes:
    async with machine.archive(path) as chunks:
        return b"".join([chunk async for chunk in chunks])


def names(data: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return set(archive.getnames())


async def test_into_the_vm_and_back(machine: Machine, tmp_path: Path) -> None:
    make_tree(tmp_path / "source")
    data = pack(tmp_path / "source")
    unpacked = await machine.unpack(b"/home/user/new/folder", pieces(data))
    found = look(tmp_path / "source")
    assert unpacked.entries == len(found)
    assert unpacked.size == sum(
        len(content) for kind, _, content in found.values() if kind == "file" and isinstance(content, bytes)
    )
    back = await archived(machine, b"/home/user/new/folder")
    unpack(back, tmp_path / "back", OF_STRANGER, is_new=True)
    assert look(tmp_path / "back") == found
    owners = await run(machine, "find . -printf '%U:%G\\n' | sort -u; stat -c '%a %Y' new/folder/script.sh")
    assert owners.stdout == "0:0\n755 1600000000\n"


async def test_one_file(machine: Machine) -> None:
    await run(machine, "printf content >file; ln -s file link")
    for path in (b"/home/user/file", b"/home/user/link"):
        with tarfile.open(fileobj=io.BytesIO(await archived(machine, path))) as archive:
            (member,) = archive.getmembers()
            assert (member.name, member.size, member.isreg()) == (os.path.basename(path).decode(), 7, True)


async def test_an_archive_of_gnu_tar_is_unpacked(machine: Machine) -> None:
    await run(
        machine,
        "mkdir -p t/a; echo x >t/a/x; ln t/a/x t/second; ln -s a t/link; mkfifo t/fifo; tar -C t -cf /tmp/t.tar .",
    )
    async with machine.read_file(b"/tmp/t.tar") as file:
        data = b"".join([chunk async for chunk in file])
    unpacked = await machine.unpack(b"/tmp/out", pieces(data))
    assert unpacked.skipped == 1
    assert (await run(machine, "cd /tmp/out; find . | sort; stat -c %h second")).stdout == (
        ".\n./a\n./a/x\n./link\n./second\n2\n"
    )


async def test_a_mode_that_shuts_out(machine: Machine) -> None:
    data = b"".join(
        writer.header(member)
        for member in (Member(b"shut", "directory", mode=0), Member(b"shut/x", "file", mode=0o4000))
    )
    await machine.unpack(b"/home/user/t", pieces(data + writer.END))
    assert (await run(machine, "stat -c %a t t/shut t/shut/x")).stdout == "755\n0\n4000\n"
    assert names(await archived(machine, b"/home/user/t")) == {".", "shut", "shut/x"}


async def test_kernel_files_are_not_packed(machine: Machine) -> None:
    for path in (b"/proc", b"/proc/version", b"/dev/null", b"/dev/zero"):
        with pytest.raises(HatchwayError) as caught:
            await archived(machine, path)
        assert caught.value.code == "not_a_regular_file"


HEAD = writer.header(Member(b"first", "file", 5)) + b"12345" + writer.padding(5)


@pytest.mark.parametrize(
    ("rest", "code", "entries"),
    [
        (b"", "archive_cut_short", 1),
        (writer.header(Member(b"x", "file", 1000)) + b"half", "archive_cut_short", 1),
        (b"noise" * 200, "invalid_archive", 1),
        (writer.header(Member(b"../x", "file")) + writer.END, "invalid_archive", 1),
        (writer.header(Member(b"first", "directory")) + writer.END, "not_a_directory", 1),
        (writer.header(Member(b"first/x", "file")) + writer.END, "not_a_directory", 1),
        (writer.header(Member(b"folder", "file")) + writer.END, "is_a_directory", 1),
        (writer.header(Member(b"x", "hardlink", target=b"none")) + writer.END, "file_changed", 1),
        (writer.header(Member(b"n" * 300, "file")) + writer.END, "invalid_path", 1),
    ],
)
async def test_archives_that_fail_say_what_was_done(
    machine: Machine, rest: bytes, code: str, entries: int
) -> None:
    await run(machine, "mkdir -p t/folder")
    with pytest.raises(HatchwayError) as caught:
        await machine.unpack(b"/home/user/t", pieces(HEAD + rest))
    assert caught.value.code == code
    assert caught.value.details == {"entries": entries, "bytes": 5}
    assert (await run(machine, "ls -A t")).stdout == "first\nfolder\n"


async def test_no_archive_at_all(machine: Machine) -> None:
    for data in (b"", b"\x1f\x8b" + os.urandom(2000)):
        with pytest.raises(HatchwayError) as caught:
            await machine.unpack(b"/home/user/t", pieces(data))
        assert caught.value.code in {"archive_cut_short", "invalid_archive"}
        assert caught.value.details == {"entries": 0, "bytes": 0}


async def test_a_full_disk(boot: Boot) -> None:
    machine = await boot(Limits(tmp_bytes=MIB))
    data = (
        HEAD + writer.header(Member(b"big", "file", 3_000_000)) + bytes(3_000_000) + writer.padding(3_000_000)
    )
    with pytest.raises(HatchwayError) as caught:
        await machine.unpack(b"/tmp/t", pieces(data + writer.END))
    assert caught.value.code == "storage_full"
    assert caught.value.details is not None
    assert caught.value.details["entries"] == 1
    assert (await run(machine, "ls -A /tmp/t")).stdout == "first\n"


async def test_where_no_folder_can_be(machine: Machine) -> None:
    await run(machine, "ln -s nowhere dangling")
    for path, code in (
        (b"/etc/passwd", "not_a_directory"),
        (b"/etc/passwd/x", "not_a_directory"),
        (b"/home/user/dangling/x", "file_not_found"),
        (b"/proc", "not_a_regular_file"),
        (b"/proc/self", "not_a_regular_file"),
        (b"/proc/self/cwd", "invalid_path"),
    ):
        with pytest.raises(HatchwayError) as caught:
            await machine.unpack(path, pieces(writer.END))
        assert caught.value.code == code


@pytest.mark.parametrize("step", ["header", "content", "between"])
async def test_an_unpacking_that_is_cancelled_leaves_nothing_unfinished(machine: Machine, step: str) -> None:
    header = writer.header(Member(b"big", "file", 1_000_000))
    parts = {"header": header[:300], "content": header + bytes(500_000), "between": b""}
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield HEAD + parts[step]
        begun.set()
        await asyncio.Event().wait()

    before = len(os.listdir("/proc/self/fd"))
    unpacking = asyncio.create_task(machine.unpack(b"/home/user/t", endless()))
    await begun.wait()
    unpacking.cancel()
    await asyncio.wait([unpacking])
    await no_worker_is_left(machine)
    assert (await run(machine, "ls -A t")).stdout == "first\n"
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_body_that_breaks_off_is_passed_on(machine: Machine) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield HEAD
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await machine.unpack(b"/home/user/t", broken())
    await no_worker_is_left(machine)


async def test_a_reader_that_leaves_ends_the_worker(machine: Machine) -> None:
    await run(machine, "head -c 50000000 /dev/zero >big")
    before = len(os.listdir("/proc/self/fd"))
    async with machine.archive(b"/home/user") as chunks:
        assert await anext(chunks)
        assert len(await workers(machine)) == 1
    await no_worker_is_left(machine)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_file_that_shrinks_is_an_error(machine: Machine) -> None:
    await run(machine, "head -c 50000000 /dev/zero >big")
    async with machine.archive(b"/home/user") as chunks:
        assert await anext(chunks)
        await run(machine, ": >big")
        with pytest.raises(HatchwayError) as caught:
            async for _ in chunks:
                pass
    assert caught.value.code == "file_changed"


async def test_a_vm_that_ends_meanwhile(machine: Machine) -> None:
    await run(machine, "head -c 50000000 /dev/zero >big")
    async with machine.archive(b"/home/user") as chunks:
        assert await anext(chunks)
        await machine.stop()
        with pytest.raises(HatchwayError) as caught:
            async for _ in chunks:
                pass
    assert caught.value.code == "vm_stopped"
