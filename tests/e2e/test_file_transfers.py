"""Whole folders through a real server: a gigabyte each way in little memory, and clients that go away in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from archive.test_unpack import entry
from e2e.host_processes import descendants, open_fds
from e2e.server_process import ServerProcess, clean_environment
from e2e.waiting import eventually
from hatchway import Agent, AsyncClient
from hatchway.archive import writer
from hatchway.archive.member import Member

pytestmark = pytest.mark.sandbox

GIGABYTE = 1 << 30
MEGABYTE = 1 << 20
GROWTH = 24 * MEGABYTE
"""What a process's memory may grow by, however much passes through it: some buffers, and what it loads meanwhile."""

_CLIENT = """
import asyncio, resource, sys
from hatchway import AsyncClient

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

async def main():
    url, key, action, one, other = sys.argv[1:]
    async with AsyncClient(url) as client:
        agent = client.vm.get_or_create(["e2e", key])
        await agent.exists("/")
        before = peak()
        done = await getattr(agent, action)(one, other)
        print(done.files, done.bytes, peak() - before)

asyncio.run(main())
"""


def memory(pid: int, name: str = "VmHWM") -> int:
    """A field of /proc/pid/status, in bytes (proc(5)); 0 if the process has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":")), 0)


def workers(server: ServerProcess) -> list[int]:
    """The host pids of the workers in this server's VMs."""
    found = []
    for each in descendants(server.pid):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{each.pid}/comm").read_text() == "hatchway-worker\n":
                found.append(each.pid)
    return found


class WorkersPeak:
    """Watches the memory of workers while it is entered."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.bytes = 0

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.bytes = max([self.bytes, *(memory(pid) for pid in workers(self._server))])

    def __enter__(self) -> WorkersPeak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def big_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "big"
    folder.mkdir()
    with open(folder / "one", "wb") as file:
        file.truncate(GIGABYTE)
        file.write(b"begin")
        file.seek(GIGABYTE - 3)
        file.write(b"end")
    for number in range(200):
        (folder / str(number)).write_bytes(b"x" * number)
    yield folder
    (folder / "one").unlink()


def transfer(server: ServerProcess, *arguments: object) -> tuple[int, int, int]:
    """What a client in a process of its own says: files, bytes, and how much its memory grew."""
    ran = subprocess.run(
        [sys.executable, "-c", _CLIENT, server.url, *map(str, arguments)],
        capture_output=True,
        env=clean_environment(PYTHONPATH=os.pathsep.join(sys.path)),
        check=False,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    files, size, growth = map(int, ran.stdout.split())
    return files, size, growth


@pytest.mark.slow
@pytest.mark.parametrize("way", ["folder", "file"])
def test_a_gigabyte_in_and_out_takes_little_memory(
    own_server: ServerProcess, big_folder: Path, tmp_path: Path, way: str
) -> None:
    local = big_folder if way == "folder" else big_folder / "one"
    # Once through, so that what is loaded and made once does not count.
    (tmp_path / "small").mkdir()
    (tmp_path / "small/f").write_bytes(b"x" * 3 * MEGABYTE)
    transfer(own_server, "v", "upload", tmp_path / "small", "small")
    transfer(own_server, "v", "download", "small", tmp_path / "small2")
    before = memory(own_server.pid, "VmRSS")
    Path(f"/proc/{own_server.pid}/clear_refs").write_text("5")  # VmHWM begins anew
    init = min(memory(each.pid) for each in descendants(own_server.pid))
    with WorkersPeak(own_server) as peak:
        files, size, growth = transfer(own_server, "v", "upload", local, "big")
        assert (files, size) == ((201, GIGABYTE + 19_900) if way == "folder" else (1, GIGABYTE))
        assert growth < GROWTH
        assert transfer(own_server, "v", "download", "big", tmp_path / "back")[:2] == (files, size)
    assert memory(own_server.pid) - before < GROWTH
    if way == "folder":
        assert 0 < peak.bytes < init + GROWTH
    back = tmp_path / "back" / "one" if way == "folder" else tmp_path / "back"
    assert back.stat().st_size == GIGABYTE
    with open(back, "rb") as file:
        assert file.read(6) == b"begin\0"
        file.seek(GIGABYTE - 4)
        assert file.read() == b"\0end"
    assert workers(own_server) == []


async def nothing_is_left(server: ServerProcess, fds: int) -> None:
    """Wait until no worker is there and no descriptor more than before."""

    async def gone() -> bool:
        return workers(server) == [] and len(open_fds(server.pid)) <= fds

    await eventually(gone, "no worker and no descriptor is left")


async def settled_fds(server: ServerProcess) -> int:
    """How many descriptors the server has once that does not move any more."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 0.5:
        now = len(open_fds(server.pid))
        if now != last:
            last, since = now, time.monotonic()
        await asyncio.sleep(0.05)
    return last


@pytest.fixture
async def own_agent(own_server: ServerProcess) -> AsyncIterator[Agent]:
    async with AsyncClient(own_server.url) as client:
        yield client.vm.get_or_create("k")


@pytest.fixture
async def own_vm(own_server: ServerProcess, own_agent: Agent) -> str:
    """The path of a VM, with much in it, in the control API of a server of this test's own."""
    await own_agent.exec("mkdir many; (cd many; seq 30000 | xargs touch); head -c 80000000 /dev/zero >big")
    info = await own_agent.info()
    return f"/api/vms/{info.id}"


@pytest.mark.parametrize("target", ["list?path=/", "list?path=many", "archive?path=."])
async def test_a_reader_that_goes_away_ends_the_work(
    own_server: ServerProcess, own_agent: Agent, own_vm: str, target: str
) -> None:
    fds = await settled_fds(own_server)
    for size in (0, 1000, 300_000):
        reader, out = await asyncio.open_connection("127.0.0.1", own_server.port)
        out.write(
            f"GET {own_vm}/files/{target} HTTP/1.1\r\nHost: localhost:{own_server.port}\r\n\r\n".encode()
        )
        if size:
            await reader.readexactly(size)
        out.transport.abort()
    await nothing_is_left(own_server, fds)
    assert (await own_agent.stat("big")).size == 80_000_000


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_sender_that_goes_away_leaves_nothing_unfinished(
    own_server: ServerProcess, own_agent: Agent, own_vm: str, framing: str
) -> None:
    fds = await settled_fds(own_server)
    data = entry(b"whole", content=b"x") + writer.header(Member(b"half", "file", 10_000_000)) + bytes(400_000)
    field = "Content-Length: 20000000" if framing == "length" else "Transfer-Encoding: chunked"
    body = data if framing == "length" else b"%x\r\n" % len(data) + data + b"\r\n"
    _, out = await asyncio.open_connection("127.0.0.1", own_server.port)
    head = (
        f"PUT {own_vm}/files/archive?path=in HTTP/1.1\r\nHost: localhost:{own_server.port}\r\n{field}\r\n\r\n"
    )
    out.write(head.encode() + body)
    await out.drain()

    async def begun() -> bool:
        return await own_agent.exists("in") and len(await own_agent.readdir("in")) == 2

    await eventually(begun, "the second file has begun")
    assert await own_agent.read_file("in/whole") == b"x"
    out.transport.abort()
    await nothing_is_left(own_server, fds)
    assert await own_agent.readdir("in") == ["whole"]


@pytest.mark.parametrize("ending", ["", "0\r\n\r\n"])
async def test_an_archive_without_an_end_says_what_was_done(
    own_server: ServerProcess, own_vm: str, ending: str
) -> None:
    data = entry(b"whole", content=b"x")
    reader, out = await asyncio.open_connection("127.0.0.1", own_server.port)
    head = (
        f"PUT {own_vm}/files/archive?path=in HTTP/1.1\r\nHost: localhost:{own_server.port}\r\n"
        f"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    out.write(head.encode() + b"%x\r\n" % len(data) + data + b"\r\n" + ending.encode())
    if ending:
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"code":"archive_cut_short"' in answer
        assert b'"details":{"entries":1,"bytes":1}' in answer
    out.close()


@pytest.mark.parametrize("action", ["delete", "move"])
async def test_a_caller_who_goes_away_stops_what_takes_long(
    own_server: ServerProcess, own_agent: Agent, own_vm: str, action: str
) -> None:
    await own_agent.exec(
        "mkdir t; cd t; for i in $(seq 300); do mkdir $i; (cd $i; seq 100 | xargs touch); done"
    )
    fds = await settled_fds(own_server)
    request = {
        "delete": "DELETE {}/files?path=t&recursive=true",
        "move": "POST {}/files/move?from=t&to=/tmp/t",
    }
    _, out = await asyncio.open_connection("127.0.0.1", own_server.port)
    line = request[action].format(own_vm)
    out.write(f"{line} HTTP/1.1\r\nHost: localhost:{own_server.port}\r\nContent-Length: 0\r\n\r\n".encode())

    async def begun() -> bool:
        return workers(own_server) != []

    await eventually(begun, "it has begun")
    out.transport.abort()
    await nothing_is_left(own_server, fds)
    assert await own_agent.exists("t")
    if action == "move":
        assert await own_agent.readdir("/tmp") == []
        assert len(await own_agent.readdir_recursive("t")) == 300 * 101


async def test_a_cancelled_call_leaves_nothing(
    own_server: ServerProcess, own_agent: Agent, own_vm: str, tmp_path: Path
) -> None:
    (tmp_path / "up").mkdir()
    with open(tmp_path / "up/f", "wb") as file:
        file.truncate(200 * MEGABYTE)
    fds = await settled_fds(own_server)
    begun = asyncio.Event()

    def progress(_done: int, _total: int | None) -> None:
        begun.set()

    for call in (
        own_agent.download(".", tmp_path / "down", progress=progress),
        own_agent.download("big", tmp_path / "down", progress=progress),
        own_agent.upload(tmp_path / "up", "up", progress=progress),
        own_agent.upload(tmp_path / "up/f", "up2", progress=progress),
    ):
        begun.clear()
        task = asyncio.ensure_future(call)
        waiting = asyncio.ensure_future(begun.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await nothing_is_left(own_server, fds + 4)  # connections of the client may be kept
    assert os.listdir(tmp_path / "up") == ["f"]
    assert not (tmp_path / "down").exists()
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".hatchway")]

    async def tidied() -> bool:
        entries = await own_agent.readdir_recursive(".", exclude="many")
        return {each.path for each in entries} <= {"big", "up"}

    await eventually(tidied, "nothing unfinished is in the VM")
