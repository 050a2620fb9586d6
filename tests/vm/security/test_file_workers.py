"""The workers of guest init among hostile processes: killed, stopped, read, and run after with links."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Awaitable

import pytest

from hatchway.archive import writer
from hatchway.archive.member import Member
from hatchway.errors import HatchwayError
from hatchway.vm.machine import Machine
from hatchway.vm.records import ListingEnd, SpawnRequest
from vm.running import run, run_python
from vm.workers import no_worker_is_left, workers

pytestmark = pytest.mark.sandbox

KILL_WORKERS = "kill -9 $(grep -l hatchway-worker /proc/[0-9]*/comm | cut -d/ -f3)"
SECRETS = ("mem", "maps", "environ", "fd", "root/etc", "cwd", "exe", "io", "syscall", "stack")


async def test_a_worker_that_is_killed_is_an_error(machine: Machine) -> None:
    await run(machine, "head -c 50000000 /dev/zero >big")
    async with machine.archive(b"/home/user") as chunks:
        await anext(chunks)
        assert (await run(machine, KILL_WORKERS)).exit_code == 0
        with pytest.raises(HatchwayError) as caught:
            async for _ in chunks:
                pass
        assert caught.value.code == "vm_failed"
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield writer.header(Member(b"x", "file", 10**9))
        begun.set()
        while True:
            yield bytes(100_000)
            await asyncio.sleep(0)

    unpacking = asyncio.create_task(machine.unpack(b"/tmp/t", endless()))
    await begun.wait()
    await run(machine, KILL_WORKERS)
    with pytest.raises(HatchwayError) as caught:
        await unpacking
    assert caught.value.code == "vm_failed"
    await no_worker_is_left(machine)
    assert await machine.exists(b"/home/user/big")


async def test_a_worker_cannot_be_looked_into(machine: Machine) -> None:
    await run(machine, "head -c 50000000 /dev/zero >big")
    async with machine.archive(b"/home/user") as chunks:
        await anext(chunks)
        (comm,) = await workers(machine)
        pid = comm.split("/")[2]
        for path in SECRETS:
            ran = await run(machine, f"cat /proc/{pid}/{path} || ls /proc/{pid}/{path}/")
            assert (ran.exit_code != 0, ran.stdout) == (True, "")
        program = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(libc.ptrace(16, {pid}, 0, 0), libc.ptrace(0x4206, {pid}, 0, 0))
pidfd = libc.syscall(434, {pid}, 0)
print([libc.syscall(438, pidfd, number, 0) for number in range(20)])
"""
        assert (await run_python(machine, program)).stdout.splitlines() == ["-1 -1", str([-1] * 20)]


async def test_workers_are_no_processes_of_the_servers(machine: Machine) -> None:
    async with machine.list_folder(b"/usr") as entries:
        await anext(entries)
        assert machine.processes.list() == []
        # Only what may begin to serve something counts as young.
        assert await machine.processes.youngest() is None
    await no_worker_is_left(machine)
    pid = await machine.spawn(SpawnRequest("sleep", ["1000"]))
    assert [process.pid for process in machine.processes.list()] == [pid]


async def test_stopped_workers_are_bounded(machine: Machine) -> None:
    listings = []
    code = ""
    for _ in range(30):
        listing = machine.list_folder(b"/usr")
        try:
            await listing.__aenter__()
        except HatchwayError as error:
            code = error.code
            break
        listings.append(listing)
        await run(machine, KILL_WORKERS.replace("-9", "-STOP"))
    assert code == "too_many_requests"
    for listing in listings:
        await listing.__aexit__(None, None, None)
    # What guest init does itself is not held up by them.
    assert await machine.exists(b"/usr")
    await run(machine, KILL_WORKERS)
    await no_worker_is_left(machine)
    async with machine.list_folder(b"/usr", 1) as entries:
        assert await anext(entries)


FLIP = """
import os
os.makedirs("t/real/inner", exist_ok=True)
open("t/real/inner/file", "w").write("mine")
os.makedirs("other/inner", exist_ok=True)
open("other/inner/file", "w").write("other")
print("ready", flush=True)
while True:
    os.rename("t/real", "aside")
    os.symlink("/home/user/other", "t/real")
    os.unlink("t/real")
    os.rename("aside", "t/real")
"""


async def test_folders_that_turn_into_links_are_never_followed(machine: Machine) -> None:
    await machine.write_file(b"/home/user/flip.py", _once(FLIP.encode()), None)
    await machine.spawn(SpawnRequest("python3", ["flip.py"]))
    while not await machine.exists(b"/home/user/other/inner/file"):
        pass
    seen = set()
    # What is unpacked below, where the folder is one at that moment, is its own too.
    own = {b"real", b"real/inner", b"real/inner/file", b"real/inner/evil"}
    for _ in range(60):
        async with machine.archive(b"/home/user/t") as chunks:
            data = b"".join([chunk async for chunk in chunks])
        assert b"other" not in data.replace(b"/home/user/other", b"")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            seen |= set(archive.getnames())
        async with machine.list_folder(b"/home/user/t") as entries:
            async for told in entries:
                if not isinstance(told, ListingEnd):
                    assert {entry.path for entry in told} <= own
        data = writer.header(Member(b"real/inner/evil", "file", 4)) + b"evil" + writer.padding(4) + writer.END
        await _try(machine.unpack(b"/home/user/t", _once(data)), "not_a_directory", "file_changed")
        assert not await machine.exists(b"/home/user/other/inner/evil")
    assert "real" in seen
    for _ in range(20):
        deleting = machine.delete_file(b"/home/user/t", recursive=True)
        await _try(deleting, "file_not_found", "directory_not_empty", "not_permitted")
        assert await machine.exists(b"/home/user/other/inner/file")
    await no_worker_is_left(machine)


FILL = """
import os, itertools
os.makedirs("t", exist_ok=True)
for number in itertools.count():
    try:
        os.makedirs(f"t/{number % 50}/{number}")
        open(f"t/{number % 50}/{number}/file", "w").close()
    except FileNotFoundError:
        pass
"""


async def test_a_folder_that_is_filled_meanwhile(machine: Machine) -> None:
    await machine.write_file(b"/home/user/fill.py", _once(FILL.encode()), None)
    await machine.spawn(SpawnRequest("python3", ["fill.py"]))
    while not await machine.exists(b"/home/user/t/40"):
        pass
    async with asyncio.timeout(60):
        async with machine.list_folder(b"/home/user/t") as entries:
            assert isinstance([told async for told in entries][-1], ListingEnd)
        async with machine.archive(b"/home/user/t") as chunks:
            async for _ in chunks:
                pass
        deleting = machine.delete_file(b"/home/user/t", recursive=True)
        await _try(deleting, "directory_not_empty", "not_permitted")
    await no_worker_is_left(machine)


async def test_pipes_and_sockets_stop_nothing(machine: Machine) -> None:
    await run(
        machine,
        "mkdir t; mkfifo t/fifo; python3 -c 'import socket; socket.socket(1).bind(\"t/socket\")';"
        " echo x >t/file; ln -s fifo t/to-fifo; ln -s /dev/zero t/to-zero",
    )
    async with asyncio.timeout(30):
        async with machine.archive(b"/home/user/t") as chunks:
            data = b"".join([chunk async for chunk in chunks])
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            assert set(archive.getnames()) == {".", "file", "to-fifo", "to-zero"}
            assert archive.getmembers()[-1].pax_headers["comment"] == "skipped=2"
        await machine.move_file(b"/home/user/t", b"/tmp/t")
        assert (await run(machine, "ls -F /tmp/t")).stdout.split() == [
            "fifo|",
            "file",
            "socket=",
            "to-fifo@",
            "to-zero@",
        ]
        await machine.delete_file(b"/tmp/t", recursive=True)


async def test_they_import_nothing_that_the_guest_could_have_written(machine: Machine) -> None:
    # As for guest init itself: whatever is looked for in the guest's own files would now fail, or worse.
    await run(
        machine, "rm -rf /usr/lib/python3*/ /usr/local/lib/python3*/ /etc/nsswitch.conf 2>/dev/null; true"
    )
    odd = "ü\udcff".encode(errors="surrogateescape")
    await run(machine, ["mkdir", "-p", "/home/user/t"])
    await machine.write_file(b"/home/user/t/" + odd, _once(b"x"), None)
    async with machine.list_folder(b"/home/user", None, (b"[!a-z]*", b"**/x?/")) as entries:
        assert [told async for told in entries][-1] == ListingEnd(1, 0)
    async with machine.archive(b"/home/user/t") as chunks:
        data = b"".join([chunk async for chunk in chunks])
    assert (await machine.unpack(b"/home/user/u", _once(data))).entries == 1
    await machine.move_file(b"/home/user/u", b"/tmp/u")
    await machine.delete_file(b"/tmp/u", recursive=True)
    with pytest.raises(HatchwayError):
        await machine.unpack(b"/home/user/u", _once(b"noise" * 1000))
    assert await machine.exists(b"/home/user/t/" + odd)


async def test_a_very_deep_folder(machine: Machine) -> None:
    program = """
import os
os.mkdir("t"); os.chdir("t")
for _ in range(5000):
    os.mkdir("deep" * 10); os.chdir("deep" * 10)
"""
    assert (await run_python(machine, program)).exit_code == 0
    async with machine.list_folder(b"/home/user/t") as entries:
        found = [told async for told in entries]
    assert isinstance(found[-1], ListingEnd)
    assert found[-1].unreadable == 1
    assert 90 < found[-1].entries < 110
    with pytest.raises(HatchwayError) as caught:
        await machine.move_file(b"/home/user/t", b"/tmp/t")
    assert caught.value.code == "invalid_path"
    assert (await run(machine, "ls -A /tmp")).stdout == ""
    await machine.delete_file(b"/home/user/t", recursive=True)
    assert (await run(machine, "ls -A")).stdout == ""


async def _try(call: Awaitable[object], *allowed: str) -> None:
    """Await a call that may be refused with one of these codes."""
    try:
        await call
    except HatchwayError as error:
        if error.code not in allowed:
            raise


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
