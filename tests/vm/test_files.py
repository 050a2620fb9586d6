"""Reading and writing files inside the VM's view."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatchway.errors import HatchwayError
from hatchway.options import MIB, Limits
from hatchway.vm.machine import Machine
from hatchway.vm.sandbox.sandbox import Sandbox
from vm.running import Boot, run

pytestmark = pytest.mark.sandbox


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def read(machine: Machine, path: bytes) -> bytes:
    async with machine.read_file(path) as file:
        content = b"".join([chunk async for chunk in file])
        assert len(content) == file.size
    return content


async def test_what_is_written_is_read(machine: Machine) -> None:
    for content in (b"", b"text", bytes(range(256)), os.urandom(3_000_000)):
        parts = [content[start : start + 70_000] for start in range(0, len(content), 70_000)]
        assert await machine.write_file(b"/home/user/file", chunks(*parts), None) == len(content)
        assert await read(machine, b"/home/user/file") == content


async def test_modes(machine: Machine) -> None:
    await machine.write_file(b"/tmp/new", chunks(b""), None)
    await machine.write_file(b"/tmp/tool", chunks(b"#!/bin/sh\necho ran\n"), 0o750)
    await machine.write_file(b"/tmp/tool", chunks(b"#!/bin/sh\necho again\n"), None)
    assert (await run(machine, "stat -c %a /tmp/new /tmp/tool; /tmp/tool")).stdout.split() == [
        "644",
        "750",
        "again",
    ]


async def test_names_are_bytes(machine: Machine) -> None:
    names = [b"with space", "ümläut".encode(), b"\xff\xfe", b"new\nline", b"-rf", b"'\"$`\\", b"n" * 255]

    # One VM for all examples: each uses a name of its own.
    for name in names:
        await machine.write_file(b"/home/user/" + name, chunks(name), None)
        assert await read(machine, b"/home/user/" + name) == name
        assert await machine.exists(b"/home/user/" + name)
        await machine.delete_file(b"/home/user/" + name)
        assert not await machine.exists(b"/home/user/" + name)


async def test_a_write_that_fails_changes_nothing(machine: Machine) -> None:
    await machine.write_file(b"/home/user/file", chunks(b"old"), None)

    async def cut_short() -> AsyncIterator[bytes]:
        yield b"new"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await machine.write_file(b"/home/user/file", cut_short(), None)
    assert await read(machine, b"/home/user/file") == b"old"
    assert (await run(machine, "ls -A /home/user")).stdout == "file\n"


async def test_a_cancelled_write_changes_nothing(machine: Machine) -> None:
    await machine.write_file(b"/home/user/file", chunks(b"old"), None)
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"new" * 100_000
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(machine.write_file(b"/home/user/file", endless(), None))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for turns in range(3):  # cancelled before guest init has answered, too
        task = asyncio.create_task(machine.write_file(b"/home/user/file", chunks(b"x"), None))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await run(machine, "true")  # whatever was under way has been answered by now, and taken back
    assert (await run(machine, "ls -A /home/user; cat /home/user/file")).stdout == "file\nold"


async def test_a_full_file_system_is_a_clear_error(boot: Boot) -> None:
    machine = await boot(Limits(tmp_bytes=MIB, file_bytes=4 * MIB))
    for path in (b"/tmp/big", b"/dev/shm/big"):
        with pytest.raises(HatchwayError) as caught:
            await machine.write_file(path, chunks(*[bytes(100_000)] * 30), None)
        assert caught.value.code == "storage_full"
        assert not await machine.exists(path)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (b"/home/user/none", "file_not_found"),
        (b"/home/user/none/deeper", "file_not_found"),
        (b"/etc/passwd/deeper", "file_not_found"),
        (b"/home/user", "is_a_directory"),
        (b"/dev/null", "not_a_regular_file"),
        (b"/dev/zero", "not_a_regular_file"),
        (b"/home/user/fifo", "not_a_regular_file"),
        (b"/proc/self/environ", "not_permitted"),
        (b"/proc/1/maps", "not_a_regular_file"),
        (b"/proc/self/mem", "not_permitted"),
        (b"/proc/self/status", "not_a_regular_file"),
        (b"/home/user/mem", "not_permitted"),
        (b"/proc/self/exe", "invalid_path"),
        (b"/proc/self/root/etc/passwd", "invalid_path"),
        (b"/proc/self/fd/0", "invalid_path"),
        (b"/home/user/loop", "invalid_path"),
        (b"/" + b"n" * 256, "invalid_path"),
        (b"/n" * 2100, "invalid_path"),
    ],
)
async def test_reading_what_is_no_file(machine: Machine, path: bytes, code: str) -> None:
    await run(machine, "mkfifo fifo; ln -s loop loop; ln -s /proc/self/mem mem")
    with pytest.raises(HatchwayError) as caught:
        await read(machine, path)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (b"/home/user/none/file", "file_not_found"),
        (b"/home/user", "is_a_directory"),
        (b"/dev/null", "not_a_regular_file"),
        (b"/home/user/fifo", "not_a_regular_file"),
        (b"/home/user/mem", "file_not_found"),  # nothing can be made in /proc, beside what it resolves to
        (b"/" + b"n" * 256, "invalid_path"),
    ],
)
async def test_writing_where_no_file_can_be(machine: Machine, path: bytes, code: str) -> None:
    await run(machine, "mkfifo fifo; ln -s /proc/self/mem mem")
    with pytest.raises(HatchwayError) as caught:
        await machine.write_file(path, chunks(b"x"), None)
    assert caught.value.code == code


async def test_links_lead_nowhere_but_into_the_vm(machine: Machine, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("host")
    await run(
        machine,
        f"ln -s {secret} absolute; ln -s ../../../../..{secret} relative; "
        "ln -s /etc/passwd passwd; ln -s /etc/shadow shadow",
    )
    for name in (b"absolute", b"relative", b"shadow"):
        with pytest.raises(HatchwayError, match="no such file"):
            await read(machine, b"/home/user/" + name)
        assert not await machine.exists(b"/home/user/" + name)
    assert (await read(machine, b"/home/user/passwd")).startswith(b"root:x:0:0:root:/home/user")
    with pytest.raises(HatchwayError):
        await machine.write_file(b"/home/user/absolute", chunks(b"guest"), None)
    assert secret.read_text() == "host"


async def test_writing_through_a_link_changes_its_target(machine: Machine) -> None:
    await run(machine, "echo old >target; ln -s target link")
    await machine.write_file(b"/home/user/link", chunks(b"new"), None)
    assert (await run(machine, "readlink link; cat target")).stdout == "target\nnew"


async def test_delete(machine: Machine) -> None:
    await run(machine, "mkdir empty full; touch full/file; ln -s full link")
    await machine.delete_file(b"/home/user/empty")
    await machine.delete_file(b"/home/user/link")
    with pytest.raises(HatchwayError) as caught:
        await machine.delete_file(b"/home/user/full")
    assert caught.value.code == "directory_not_empty"
    with pytest.raises(HatchwayError) as caught:
        await machine.delete_file(b"/home/user/none")
    assert caught.value.code == "file_not_found"
    with pytest.raises(HatchwayError):
        await machine.delete_file(b"/proc")
    assert (await run(machine, "ls")).stdout == "full\n"


async def test_a_file_that_grows_while_it_is_read_is_read_as_it_was(machine: Machine) -> None:
    await machine.write_file(b"/home/user/log", chunks(b"x" * 1000), None)
    async with machine.read_file(b"/home/user/log") as file:
        await run(machine, "echo more >>log")
        assert b"".join([chunk async for chunk in file]) == b"x" * 1000


async def test_a_file_that_shrinks_while_it_is_read_is_an_error(machine: Machine) -> None:
    await machine.write_file(b"/home/user/log", chunks(b"x" * 1000), None)
    async with machine.read_file(b"/home/user/log") as file:
        await run(machine, ": >log")
        with pytest.raises(HatchwayError) as caught:
            _ = [chunk async for chunk in file]
    assert caught.value.code == "file_changed"


async def test_no_fd_is_left(machine: Machine) -> None:
    await machine.write_file(b"/home/user/file", chunks(b"x"), None)
    before = len(os.listdir("/proc/self/fd"))
    inside = (await run(machine, "ls /proc/self/fd | wc -l")).stdout
    for _ in range(50):
        await machine.write_file(b"/home/user/file", chunks(b"x"), None)
        await read(machine, b"/home/user/file")
        with pytest.raises(HatchwayError):
            await read(machine, b"/dev/zero")
    assert len(os.listdir("/proc/self/fd")) == before
    assert (await run(machine, "ls /proc/self/fd | wc -l")).stdout == inside


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.binary(min_size=1, max_size=255).filter(
        lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."}
    ),
    content=st.binary(max_size=1000),
)
def test_any_name_and_content(name: bytes, content: bytes, one_machine: _OneMachine) -> None:
    one_machine.round_trip(b"/tmp/" + name, content)


class _OneMachine:
    """A machine for many examples, driven from ordinary code."""

    def __init__(self, runner: asyncio.Runner, machine: Machine) -> None:
        self._runner = runner
        self._machine = machine

    def round_trip(self, path: bytes, content: bytes) -> None:
        async def trip() -> None:
            await self._machine.write_file(path, chunks(content), None)
            assert await read(self._machine, path) == content
            await self._machine.delete_file(path)

        self._runner.run(trip())


@pytest.fixture
def one_machine(data_dir: Path) -> Iterator[_OneMachine]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sandbox = runner.run(Sandbox.start(data_dir))
        machine = runner.run(Machine.boot(sandbox, "vm", 0, Limits(), ()))
        yield _OneMachine(runner, machine)
        runner.run(machine.stop())
        runner.run(sandbox.close())
