"""A gigabyte in and out: nobody's memory grows with it, be it the client's, the server's or the guest's."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.host_processes import guests
from e2e.large_transfers import GIGABYTE, forget_peak, make_source, peak
from e2e.server_process import ServerProcess, clean_environment
from hatchway import AsyncClient

pytestmark = [pytest.mark.sandbox, pytest.mark.slow, pytest.mark.timeout(300)]

GROWTH = 32 << 20
"""What memory may grow by: buffers, and what allocators keep. A thirtieth of what is copied."""

ROOT = Path(__file__).parents[2]


async def watch(server: ServerProcess, ended: asyncio.Event) -> int:
    """The most memory that the processes of the VM have resident together, while something is copied."""
    most = 0
    while not ended.is_set():
        resident = 0
        for process in guests(server.pid):
            try:
                pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            resident += pages * os.sysconf("SC_PAGE_SIZE")
        most = max(most, resident)
        await asyncio.sleep(0.05)
    return most


async def test_memory_does_not_grow_with_what_is_copied(own_server: ServerProcess, tmp_path: Path) -> None:
    make_source(tmp_path)
    key = "large"
    async with AsyncClient(own_server.url) as client:
        agent = client.vm.get_or_create(key)
        await agent.exec("true")
        idle_guest = await watch_once(own_server)
        for action in (
            "file up",
            "file down",
            "folder up",
            "folder down",
            "sync file up",
            "sync folder down",
        ):
            shutil.rmtree(tmp_path / "folder-down", ignore_errors=True)
            forget_peak(own_server.pid)
            before = peak(own_server.pid)
            ended = asyncio.Event()
            watching = asyncio.create_task(watch(own_server, ended))
            ran = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "e2e.large_transfers", own_server.url, key, str(tmp_path), action],
                env=clean_environment(PYTHONPATH=os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])),
                capture_output=True,
                timeout=250,
                check=False,
            )
            ended.set()
            guest = await watching
            assert ran.returncode == 0, ran.stderr.decode()
            grown = (action, int(ran.stdout), peak(own_server.pid) - before, guest - idle_guest)
            assert max(grown[1:]) < GROWTH, grown
        stat = await agent.stat("folder/large")
        assert (stat.size, (await agent.stat("large")).size) == (GIGABYTE, GIGABYTE)
        ends = await agent.exec("head -c 5 folder/large; tail -c 3 folder/large")
        assert ends.stdout == "beginend"
    for copy in (tmp_path / "down", tmp_path / "folder-down" / "large"):
        assert copy.stat().st_size == GIGABYTE
        with copy.open("rb") as file:
            assert file.read(5) == b"begin"
            file.seek(-3, os.SEEK_END)
            assert file.read() == b"end"


async def watch_once(server: ServerProcess) -> int:
    """What the VM's processes have resident now."""
    ended = asyncio.Event()
    asyncio.get_running_loop().call_later(0.2, ended.set)
    return await watch(server, ended)
