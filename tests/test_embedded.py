"""A VM in the test's own process."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from e2e.host_processes import descendants
from hatchway import Conflict, HatchwayError, InvalidRequest, open_vm
from hatchway.software import common, node

pytestmark = pytest.mark.sandbox

SERVER = """
const upgrade = (request, socket) => {
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = require("crypto").createHash("sha1").update(key).digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n" +
    `Sec-WebSocket-Accept: ${accept}\\r\\n\\r\\n`);
  socket.end(Buffer.from([0x81, 2, 0x68, 0x69]));
};
require("http").createServer((request, response) => response.end(JSON.stringify(request.headers)))
  .on("upgrade", upgrade).listen(3000);
"""


def left() -> tuple[object, ...]:
    """What this process has: processes below it, open files, TCP sockets that listen."""
    inodes = {os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(fd)}
    listening = set()
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                listening.add(fields[1])
    return {each.pid for each in descendants(os.getpid())}, len(os.listdir("/proc/self/fd")), listening


def _is_open(fd: str) -> bool:
    try:
        os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return False  # the one that listed the folder
    return True


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


async def test_the_same_agent_without_a_server_or_a_port(tmp_path: Path) -> None:
    before = left()
    async with open_vm(software=[common, node]) as agent:
        assert left()[2] == before[2]
        assert (await agent.exec("echo hello; id -u")).stdout == "hello\n0\n"
        await agent.write_file("/home/user/server.js", SERVER)
        await agent.spawn("node", ["server.js"])
        headers = (await agent.vm_fetch(3000)).json()
        assert (headers["host"], headers["x-forwarded-for"]) == ("localhost:3000", "127.0.0.1")
        async with agent.http(3000) as http:
            assert (await http.get("/x")).status_code == 200
        async with agent.websocket(3000) as socket:
            assert await socket.recv() == "hi"
        with pytest.raises(Conflict) as caught:
            await agent.create_signed_preview_url(3000)
        assert caught.value.code == "no_listener"
        with pytest.raises(HatchwayError) as refused:
            await agent.read_file("nothing")
        assert refused.value.code == "file_not_found"
    assert left() == before
    assert os.listdir(tmp_path) == []


async def test_nothing_is_left_of_a_block_that_failed_or_was_cancelled(tmp_path: Path) -> None:
    before = left()

    class OwnError(Exception):
        pass

    async def fail() -> None:
        async with open_vm() as agent:
            await agent.spawn("sleep", ["1000"])
            raise OwnError

    with pytest.raises(OwnError):
        await fail()
    assert (left(), os.listdir(tmp_path)) == (before, [])

    inside = asyncio.Event()

    async def hold() -> None:
        async with open_vm() as agent:
            await agent.spawn("sleep", ["1000"])
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (left(), os.listdir(tmp_path)) == (before, [])


async def test_a_data_folder_keeps_the_vm(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for content in (b"", b"1", b"2"):
        async with open_vm(["team", "a"], data_dir=folder) as agent:
            if content:
                assert await agent.read_file("n") == content
            await agent.write_file("n", str(int(content or 0) + 1))
    async with open_vm("other", data_dir=str(folder)) as agent:
        assert not await agent.exists("n")
        with pytest.raises(Conflict) as caught:
            async with open_vm(data_dir=folder):
                pass
        assert caught.value.code == "data_dir_in_use"


async def test_two_at_once() -> None:
    async with open_vm() as one, open_vm() as two:
        await one.write_file("x", "one")
        assert not await two.exists("x")


async def test_a_wrong_key_starts_nothing(tmp_path: Path) -> None:
    before = left()
    with pytest.raises(InvalidRequest) as caught:
        async with open_vm(""):
            pass
    assert caught.value.code == "invalid_key"
    assert (left(), os.listdir(tmp_path)) == (before, [])
