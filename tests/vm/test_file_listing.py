"""Listing folders of a real VM."""

from __future__ import annotations

import asyncio
import os

import pytest

from hatchway.errors import HatchwayError
from hatchway.vm.machine import Machine
from hatchway.vm.records import FileEntry, ListingEnd
from vm.running import run
from vm.workers import no_worker_is_left

pytestmark = pytest.mark.sandbox


async def listed(
    machine: Machine, path: bytes, max_depth: int | None = None, exclude: tuple[bytes, ...] = ()
) -> tuple[dict[bytes, FileEntry], ListingEnd]:
    found: list[FileEntry] = []
    end: ListingEnd | None = None
    async with machine.list_folder(path, max_depth, exclude) as entries:
        async for told in entries:
            assert end is None
            if isinstance(told, list):
                found += told
            else:
                end = told
    assert end is not None
    assert end.entries == len(found) == len({entry.path for entry in found})
    return {entry.path: entry for entry in found}, end


async def test_a_tree(machine: Machine) -> None:
    await run(
        machine,
        "mkdir -p a/b/c; printf 12345 >a/file; ln -s / a/b/link; mkfifo a/fifo; ln -s a to-a;"
        " python3 -c \"open(b'a/\\xff\\n \\x01', 'w')\"",
    )
    found, end = await listed(machine, b"/home/user/a")
    assert {path: entry.kind for path, entry in found.items()} == {
        b"b": "directory",
        b"b/c": "directory",
        b"b/link": "symlink",
        b"fifo": "other",
        b"file": "file",
        b"\xff\n \x01": "file",
    }
    assert found[b"file"].size == 5
    assert end.unreadable == 0
    assert (await listed(machine, b"/home/user/to-a"))[0] == found
    assert set((await listed(machine, b"/home/user", 1))[0]) == {b"a", b"to-a"}
    assert set((await listed(machine, b"/home/user", 2))[0]) == {
        b"a",
        b"to-a",
        *(b"a/" + p for p in found if b"/" not in p),
    }
    excluded = await listed(machine, b"/home/user", None, (b"b/", b"to-*", b"/a/f*"))
    assert set(excluded[0]) == {b"a", b"a/\xff\n \x01"}


async def test_the_whole_file_system(machine: Machine) -> None:
    found, _ = await listed(machine, b"/", 3)
    assert found[b"proc"].kind == "directory"
    assert not any(path.startswith(b"proc/") for path in found)
    assert found[b"etc/passwd"].kind == "file"
    for path in (b"dev/null", b"usr/bin", b"home/user"):
        assert path in found


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (b"/home/user/none", "file_not_found"),
        (b"/etc/passwd", "not_a_directory"),
        (b"/dev/null", "not_a_directory"),
        (b"/proc", "not_a_regular_file"),
        (b"/proc/1/fd", "not_a_regular_file"),
        (b"/proc/self/root", "invalid_path"),
        (b"/proc/self/cwd/etc", "invalid_path"),
    ],
)
async def test_what_is_not_listed(machine: Machine, path: bytes, code: str) -> None:
    with pytest.raises(HatchwayError) as caught:
        await listed(machine, path)
    assert caught.value.code == code


async def test_a_reader_that_leaves_ends_the_worker(machine: Machine) -> None:
    await run(
        machine,
        "mkdir t; cd t; for i in $(seq 200); do mkdir $i; for j in $(seq 50); do : >$i/$j; done; done",
    )
    before = len(os.listdir("/proc/self/fd"))
    for turns in range(4):

        async def read_a_little() -> None:
            async with machine.list_folder(b"/") as entries:
                await anext(entries)
                await asyncio.Event().wait()

        reading = asyncio.create_task(read_a_little())
        for _ in range(turns * 3):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
    async with machine.list_folder(b"/usr") as entries:
        assert await anext(entries)
    await no_worker_is_left(machine)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_many_lists_at_once(machine: Machine) -> None:
    await run(machine, "mkdir -p a/b")

    async def one() -> str:
        try:
            found, _ = await listed(machine, b"/home/user")
        except HatchwayError as error:
            return error.code
        assert set(found) == {b"a", b"a/b"}
        return "listed"

    results = await asyncio.gather(*(one() for _ in range(100)))
    assert set(results) <= {"listed", "too_many_requests"}
    assert results.count("listed") >= 16
    assert await one() == "listed"
    await no_worker_is_left(machine)
