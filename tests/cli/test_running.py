"""The command as a process: signals, pipes that nobody reads, full disks."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from client.stub_server import VM, Received, StubServer, answer, never
from e2e.server_process import clean_environment
from e2e.waiting import eventually

EXEC = ("POST", f"{VM}/exec")
ROOT = ("GET", f"{VM}/ports/3000/")

PIPE = asyncio.subprocess.PIPE

Start = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def start(server: StubServer) -> AsyncIterator[Start]:
    """Starts the command in a process of its own."""
    started: list[asyncio.subprocess.Process] = []

    async def run(*arguments: str, stdin: int = PIPE, stdout: int = PIPE) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hatchway", *arguments),
            env=clean_environment(HATCHWAY_URL=server.url),
            stdin=stdin,
            stdout=stdout,
            stderr=PIPE,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def asked(server: StubServer, method: str, path: str) -> None:
    async def came() -> bool:
        return bool(server.to(method, path))

    await eventually(came, f"the command asks for {path}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_a_command_quietly(
    server: StubServer, start: Start, number: signal.Signals
) -> None:
    server.on(*EXEC, never)
    process = await start("exec", "my-agent", "--", "sleep", "1000")
    await asked(server, *EXEC)
    process.send_signal(number)
    assert await process.communicate() == (b"", b"")
    assert process.returncode == 128 + number


async def test_a_hangup_that_is_ignored_stays_so(server: StubServer, start: Start) -> None:
    server.on(*ROOT, never)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = await start("fetch", "my-agent", "3000")
    finally:
        signal.signal(signal.SIGHUP, before)
    await asked(server, *ROOT)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 128 + signal.SIGTERM


async def test_nobody_reads_any_more(server: StubServer, start: Start) -> None:
    async def endless(request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    server.on(*ROOT, endless)
    process = await start("fetch", "my-agent", "3000")
    assert process.stdout is not None
    assert process.stderr is not None
    assert await process.stdout.readexactly(1) == b"x"
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert await process.stderr.read() == b""
    assert await process.wait() == 128 + signal.SIGPIPE


async def test_nobody_reads_the_little_that_is_said(server: StubServer, start: Start) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = await start("doctor", "--json", stdout=writing)
    os.close(writing)
    _, said = await process.communicate()
    assert b"Traceback" not in said
    assert b"BrokenPipe" not in said
    assert process.returncode == 128 + signal.SIGPIPE


async def test_a_full_disk_is_told(server: StubServer, start: Start) -> None:
    server.on(*ROOT, answer(b"body"))
    with open("/dev/full", "wb") as full:
        process = await start("fetch", "my-agent", "3000", stdout=full.fileno())
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.startswith(b"error: standard output cannot be written: No space left on device\n hint: ")


async def test_standard_output_that_is_closed_is_told(server: StubServer) -> None:
    server.on(*ROOT, answer(b"body"))
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "hatchway", "fetch", "my-agent", "3000"),
        env=clean_environment(HATCHWAY_URL=server.url),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.startswith(b"error: standard output is closed\n hint: ")


async def test_an_input_that_never_ends_keeps_nobody(server: StubServer, start: Start) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"some")
    process = await start("fetch", "my-agent", "3000", "-d", "@-", stdin=reading)

    async def was_read() -> bool:
        return fcntl.ioctl(reading, termios.FIONREAD, b"\0" * 4) == b"\0" * 4

    await eventually(was_read, "the command reads its standard input")
    process.send_signal(signal.SIGINT)
    assert await process.communicate() == (b"", b"")
    assert process.returncode == 128 + signal.SIGINT
    os.close(reading)
    os.close(writing)
