"""Files of a VM: whatever the name, the content and the links, they are the VM's own and come back as they went."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from e2e.conftest import ENVIRONMENT_CANARY, MakeAgent
from e2e.guest import refusal_of
from e2e.server_process import ServerProcess
from e2e.waiting import eventually
from hatchway import Agent, Conflict

pytestmark = pytest.mark.sandbox

CONTENTS = [
    b"",
    b"text",
    "tëxt\n".encode(),
    bytes(range(256)),
    b"\0" * 5,
    b"\r\n\r\n",
    os.urandom(1) * 100_000,
]
NAMES: list[str | bytes] = [
    "with space",
    " ",
    "ünïcödé-文件-🚪",
    b"\xff\xfe invalid \x80",
    "percent%20&=?#+;",
    "new\nline\ttab",
    "'quotes\"",
    "-rf",
    "*",
    "x" * 255,
    ".hidden",
    "\\back\\slash",
    "\x7f\x01\x1b[31m",
]


@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
async def test_content_comes_back(agent: Agent, content: bytes) -> None:
    await agent.write_file("/home/user/file", content)
    assert await agent.read_file("/home/user/file") == content


async def test_text_is_written_as_utf_8(agent: Agent) -> None:
    await agent.write_file("file", "größe")
    assert await agent.read_file("/home/user/file") == "größe".encode()
    assert (await agent.exec("cat file")).stdout == "größe"


async def test_a_large_file_streams_there_and_back(agent: Agent) -> None:
    piece = os.urandom(1 << 20)

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(64):
            yield number.to_bytes(8, "big") + piece

    expected = hashlib.sha256()
    async for each in pieces():
        expected.update(each)
    await agent.write_file("large", pieces())
    assert hashlib.sha256(await agent.read_file("large")).hexdigest() == expected.hexdigest()
    assert (await agent.exec("sha256sum large")).stdout.split()[0] == expected.hexdigest()


async def test_any_name_is_a_name(agent: Agent) -> None:
    for number, name in enumerate(NAMES):
        path = b"/home/user/" + (name if isinstance(name, bytes) else name.encode())
        assert not await agent.exists(path)
        await agent.write_file(path, str(number))
    for number, name in enumerate(NAMES):
        assert await agent.read_file(name) == str(number).encode()
    listed = (await agent.exec("ls -A1U --quoting-style=c | wc -l")).stdout
    assert int(listed) == len(NAMES)
    for name in NAMES:
        await agent.delete_file(name)
        assert not await agent.exists(name)
    assert (await agent.exec("ls -A")).stdout == ""


async def test_mode_is_kept_or_as_asked(agent: Agent) -> None:
    await agent.write_file("script", "#!/bin/sh\necho ran\n", mode=0o755)
    assert (await agent.exec(["./script"])).stdout == "ran\n"
    await agent.write_file("script", "#!/bin/sh\necho again\n")
    assert (await agent.exec(["./script"])).stdout == "again\n"
    await agent.write_file("plain", "x")
    assert (await agent.exec("stat -c %a plain script")).stdout == "644\n755\n"


async def test_a_file_is_replaced_as_a_whole(agent: Agent) -> None:
    await agent.write_file("file", b"o" * 300_000)
    ones, twos = b"1" * 300_000, b"2" * 300_000
    writing = asyncio.gather(*(agent.write_file("file", content) for content in (ones, twos) * 5))
    while not writing.done():
        assert await agent.read_file("file") in (b"o" * 300_000, ones, twos)
    await writing
    assert (await agent.exec("ls -A")).stdout == "file\n"


# -- nothing of the host


async def test_links_out_of_the_vm_lead_nowhere(agent: Agent, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("h0st-canary")
    await agent.exec(f"ln -s {secret} there; ln -s ../../../../../../..{secret} up; ln -s /etc/passwd passwd")
    await agent.exec("ln -s / root; ln -s /proc/1/root proc-root; ln -s /proc/self/cwd cwd; ln -s loop loop")
    links = ("there", "up", f"root{secret}", f"proc-root{secret}", f"cwd{secret}", str(secret))
    for link in links:
        assert (await refusal_of(agent.read_file(link))).code in {
            "file_not_found",
            "not_permitted",
            "invalid_path",
        }
        assert not await agent.exists(link) or link.startswith(("proc-root", "cwd"))
    assert (await refusal_of(agent.read_file("loop"))).code == "invalid_path"
    assert await agent.exists("loop") is False
    passwd = await agent.read_file("passwd")
    assert passwd == (await agent.exec("cat /etc/passwd")).stdout_bytes
    assert passwd != Path("/etc/passwd").read_bytes()
    # Writing through a link changes what the link leads to inside, and nothing outside.
    await agent.write_file("passwd", "changed")
    assert (await agent.exec("cat /etc/passwd")).stdout == "changed"
    assert "changed" not in Path("/etc/passwd").read_text()
    assert (await refusal_of(agent.write_file("there", "changed"))).code in {
        "file_not_found",
        "not_permitted",
    }
    await agent.delete_file("there")
    assert secret.read_text() == "h0st-canary"


@pytest.mark.parametrize(
    "path",
    [
        "/proc/self/environ",
        "/proc/self/mem",
        "/proc/self/cmdline",
        "/proc/self/fd/3",
        "/proc/1/environ",
        "/proc/1/mem",
        "/proc/sys/kernel/core_pattern",
        "/proc/kcore",
        "/sys/kernel/notes",
    ],
)
async def test_kernel_files_can_be_neither_read_nor_written(
    agent: Agent, server: ServerProcess, path: str
) -> None:
    for call in (agent.read_file(path), agent.write_file(path, "x")):
        refusal = await refusal_of(call)
        assert refusal.code in {"not_a_regular_file", "file_not_found", "not_permitted", "invalid_path"}
        assert 400 <= refusal.status < 500
        assert str(server.data_dir) not in str(refusal)


@pytest.mark.parametrize(
    ("path", "on_the_host"),
    [
        ("/proc/self/exe", sys.executable),
        ("/proc/1/exe", sys.executable),
        ("/proc/1/root/etc/passwd", "/etc/passwd"),
        ("/proc/1/cwd/canary", "/canary"),
        ("/dev/kmsg", "/dev/kmsg"),
        ("/etc/shadow", "/etc/shadow"),
        ("/usr/bin/env", "/usr/bin/env"),
    ],
)
async def test_what_is_written_over_the_system_stays_in_the_vm(
    agent: Agent, make_agent: MakeAgent, path: str, on_the_host: str
) -> None:
    def looks() -> tuple[int, ...] | None:
        try:
            found = os.stat(on_the_host)
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode

    before = looks()
    with contextlib.suppress(Conflict):  # a VM's root may not write everything either
        await agent.write_file(path, "of the VM")
    assert looks() == before
    other = make_agent()
    if await other.exists(path):
        found = await other.exec(["cat", path])
        assert found.stdout != "of the VM"


async def test_what_the_vm_shows_of_its_system_is_not_the_hosts(agent: Agent) -> None:
    shown = await agent.exec("cat /etc/passwd /etc/shadow /etc/machine-id /proc/1/environ 2>/dev/null; env")
    for path in ("/etc/machine-id", "/etc/passwd"):
        if Path(path).exists():
            assert Path(path).read_text() not in shown.stdout
    assert "PATH=" in shown.stdout
    assert ENVIRONMENT_CANARY not in shown.stdout
    for folder in ("/root", "/home"):
        assert (await agent.exec(f"ls -A {folder}")).stdout.split() in ([], ["user"])


# -- refusals


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", "invalid_path"),
        ("..", "invalid_path"),
        ("../../etc/passwd", "invalid_path"),
        ("/home/user/../../etc/passwd", "invalid_path"),
        ("a/../b", "invalid_path"),
        ("nul\0byte", "invalid_path"),
        ("x" * 256, "invalid_path"),
        ("x" * 4096, "invalid_path"),
        ("/x" * 2048, "invalid_path"),
        ("missing", "file_not_found"),
        ("missing/file", "file_not_found"),
        ("file/below", "file_not_found"),
        ("folder", "is_a_directory"),
        ("/", "is_a_directory"),
        ("/dev/null", "not_a_regular_file"),
        ("/dev/zero", "not_a_regular_file"),
        ("fifo", "not_a_regular_file"),
        ("to-fifo", "not_a_regular_file"),
        ("socket", "not_a_regular_file"),
    ],
)
async def test_what_is_no_readable_file_is_refused(agent: Agent, path: str, code: str) -> None:
    await _odd_files(agent)
    refusal = await refusal_of(agent.read_file(path))
    assert refusal.code == code
    assert 400 <= refusal.status < 500
    assert refusal.message


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../up", "invalid_path"),
        ("nul\0byte", "invalid_path"),
        ("x" * 256, "invalid_path"),
        ("missing/file", "file_not_found"),
        ("file/below", "file_not_found"),
        ("folder", "is_a_directory"),
        ("/dev/null", "not_a_regular_file"),
        ("fifo", "not_a_regular_file"),
        ("socket", "not_a_regular_file"),
        ("/proc/new", "file_not_found"),
    ],
)
async def test_what_is_no_writable_file_is_refused(agent: Agent, path: str, code: str) -> None:
    await _odd_files(agent)
    before = (await agent.exec("ls -lA --time-style=full-iso")).stdout
    refusal = await refusal_of(agent.write_file(path, "content"))
    assert refusal.code == code
    assert 400 <= refusal.status < 500
    assert (await agent.exec("ls -lA --time-style=full-iso")).stdout == before


async def test_a_deletion_takes_one_name(agent: Agent) -> None:
    await _odd_files(agent)
    await agent.exec("touch folder/inside; ln -s file to-file")
    assert (await refusal_of(agent.delete_file("folder"))).code == "directory_not_empty"
    assert (await refusal_of(agent.delete_file("missing"))).code == "file_not_found"
    await agent.delete_file("to-file")
    await agent.delete_file("fifo")
    await agent.delete_file("folder/inside")
    await agent.delete_file("folder")
    assert (await agent.exec("ls -A")).stdout.split() == ["file", "socket", "to-fifo"]


async def _odd_files(agent: Agent) -> None:
    listen = 'require("net").createServer().listen("socket", () => process.exit())'
    keep = listen.replace("process.exit()", "process.kill(process.pid, 9)")  # leaves the socket's file
    await agent.exec(f"mkdir folder; touch file; mkfifo fifo; ln -s fifo to-fifo; node -e '{keep}'")


# -- bodies that break off


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_an_upload_cut_short_leaves_the_old_content(
    agent: Agent, server: ServerProcess, vm_path: str, framing: str
) -> None:
    await agent.write_file("file", "old")
    head = f"PUT {vm_path}/files?path=file HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
    if framing == "length":
        request = f"{head}Content-Length: 1000000\r\n\r\n".encode() + b"n" * 500_000
    else:
        request = (
            f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + b"400\r\n" + b"n" * 1024 + b"\r\n400\r\nnn"
        )
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    await writer.drain()

    async def begun() -> bool:
        return (await agent.exec("ls -A")).stdout != "file\n"

    await eventually(begun, "the upload has begun")
    assert await agent.read_file("file") == b"old"
    writer.transport.abort()

    async def tidied() -> bool:
        return (await agent.exec("ls -A")).stdout == "file\n"

    await eventually(tidied, "what was written of it is gone")
    assert await agent.read_file("file") == b"old"
    assert await reader.read() == b""


async def test_a_file_of_the_vm_is_never_a_page_of_the_api(
    agent: Agent, server: ServerProcess, vm_path: str, http: httpx.AsyncClient
) -> None:
    await agent.write_file("page.html", "<script>alert(1)</script>")
    answer = await http.get(f"{server.url}{vm_path}/files?path=page.html")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert urlsplit(str(answer.url)).port == server.port
