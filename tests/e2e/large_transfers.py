"""A client of its own process that copies a gigabyte, and says by how much its memory grew.

usage: python -m e2e.large_transfers URL KEY FOLDER ACTION
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from hatchway import Agent, AsyncClient, Client

GIGABYTE = 1 << 30


def peak(pid: int | str = "self") -> int:
    """The most memory that a process has had resident, in bytes, since `forget_peak` (proc_pid_status(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def forget_peak(pid: int | str = "self") -> None:
    """Begin anew: the peak is what is resident now (proc_pid_clear_refs(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def make_source(folder: Path) -> None:
    """A folder with one file of a gigabyte, which takes no room: it is all holes but for its ends."""
    (folder / "source").mkdir()
    with open(folder / "source" / "large", "wb") as file:
        file.write(b"begin")
        file.seek(GIGABYTE - 3)
        file.write(b"end")


async def copy(agent: Agent, folder: Path, action: str) -> None:
    """One copy, as a user would ask for it."""
    if action == "file up":
        await agent.upload(folder / "source" / "large", "/home/user/large")
    elif action == "file down":
        await agent.download("/home/user/large", folder / "down")
    elif action == "folder up":
        await agent.upload(folder / "source", "/home/user/folder")
    else:
        await agent.download("/home/user/folder", folder / "folder-down")


def copy_synchronously(url: str, key: str, folder: Path, action: str) -> None:
    """The same, by the other client."""
    with Client(url) as client:
        agent = client.vm.get_or_create(key)
        if action == "file up":
            agent.upload(folder / "source" / "large", "/home/user/large")
        else:
            agent.download("/home/user/folder", folder / "folder-down")


async def main(url: str, key: str, folder: Path, action: str) -> None:
    """Copy, and print the growth in bytes."""
    async with AsyncClient(url, timeout=120) as client:
        agent = client.vm.get_or_create(key)
        small = folder / f"small-{os.getpid()}"
        small.write_bytes(bytes(1_000_000))
        await agent.upload(small, "/home/user/small")  # what a first copy imports and allocates
        await agent.download("/home/user/small", small)
        small.unlink()
        forget_peak()
        before = peak()
        if action.startswith("sync "):
            await asyncio.to_thread(copy_synchronously, url, key, folder, action.removeprefix("sync "))
        else:
            await copy(agent, folder, action)
        sys.stdout.write(f"{peak() - before}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]))
