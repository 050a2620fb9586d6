"""A thousand VMs of one server: making them, what they take, using a hundred of them, and destroying all.

`hatchway serve` runs as a process of its own, with its pool of ready VMs as by default, and is asked through its API as
any program asks it. The VMs are made one after another, each with the first output of `echo` in it; the last hundred
beside the first say whether the cost is flat. Then nobody uses them, and their memory is what the machine has less than
before, the server's own growth included. In a sample of a hundred node serves port 3000, with the VM's own key as its
answer. Destroying ends when no process below the server is left but the one that VMs are made by and the guest inits
that wait ready, and no file of those that were destroyed.

    python -m benchmarks.many_vms [--quick]
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from benchmarks.server import Served, served
from benchmarks.table import Row, at_most, markdown
from benchmarks.virtual_machines import available_bytes
from hatchway import Agent, AsyncClient, create_client

MOST_MEGABYTES = 1.5

_SERVER = "require('http').createServer((q, s) => s.end(process.argv[1])).listen(3000, '127.0.0.1')"
_AT_ONCE = 16


async def _each(agents: list[Agent], action: Callable[[Agent], Awaitable[object]]) -> None:
    """Do something with all of them, some at once."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def act(agent: Agent) -> None:
        async with room:
            await action(agent)

    await asyncio.gather(*map(act, agents))


async def _make(client: AsyncClient, count: int) -> tuple[list[Agent], list[float]]:
    agents, times = [], []
    for index in range(count):
        started = time.perf_counter()
        agent = client.vm.get_or_create(f"vm-{index}")
        assert (await agent.exec(["echo", str(index)])).stdout == f"{index}\n"
        times.append((time.perf_counter() - started) * 1000)
        agents.append(agent)
    return agents, times


async def _serve(agents: list[Agent]) -> int:
    """Start node in each; how many then answer as who they are."""
    right = 0

    async def serve(agent: Agent) -> None:
        nonlocal right
        name = str(agent.key)
        await agent.spawn("node", ["-e", _SERVER, name])
        answer = await agent.vm_fetch(3000, "/")
        right += answer.text == name

    await _each(agents, serve)
    return right


async def _requests(agents: list[Agent], rounds: int) -> float:
    """The median milliseconds of a request, to one after another."""
    times = []
    for _ in range(rounds):
        for agent in agents:
            started = time.perf_counter()
            await agent.vm_fetch(3000, "/")
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _left(server: Served, ids: set[str]) -> int:
    """Folders of these VMs, and processes of guests that are no guest init waiting for a VM."""
    folders = {path.name for path in (server.data / "vms").iterdir()}
    names = [name for name in _names_below(server.pid) if name != "hatchway-zygote"]
    waiting = len(folders - ids) + 1  # each VM of the pool has one, and the next to be made
    return len(folders & ids) + max(0, len(names) - waiting)


def _names_below(pid: int) -> list[str]:
    """The names of the processes below one (proc_pid_stat(5))."""
    children: dict[int, list[tuple[int, str]]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended meanwhile
            name, _, rest = text.partition("(")[2].rpartition(")")
            children.setdefault(int(rest.split()[1]), []).append((int(folder.name), name))
    found, waiting = [], [pid]
    while waiting:
        for child, name in children.get(waiting.pop(), []):
            found.append(name)
            waiting.append(child)
    return found


async def _measure(server: Served, quick: bool) -> list[Row]:
    count, sample, rounds = (100, 10, 3) if quick else (1_000, 100, 5)
    async with create_client(f"http://localhost:{server.port}") as client:
        first = client.vm.get_or_create("first")
        await first.exec("true")
        await first.destroy()
        before = available_bytes()
        agents, times = await _make(client, count)
        memory = (before - available_bytes()) / count / 1e6
        served_by = agents[:: count // sample]
        right = await _serve(served_by)
        alone = await _requests(served_by[:1], rounds * sample)
        among = await _requests(served_by, rounds)
        ids = {vm.id for vm in await client.list_vms()}
        started = time.perf_counter()
        await _each(agents, lambda agent: agent.destroy())
        answered = time.perf_counter() - started
        while _left(server, ids):  # noqa: ASYNC110 - what another process does
            await asyncio.sleep(0.005)
        destroyed = time.perf_counter() - started
    tenth = count // 10
    return [
        at_most(
            f"new VM to first output, the last {tenth} of {count:,}, median",
            "ms",
            statistics.median(times[-tenth:]),
            f"the first {tenth}",
            statistics.median(times[:tenth]),
            goal=1.5,
        ),
        Row(
            f"memory of the machine per idle VM, of {count:,}",
            memory,
            "MB",
            "",
            None,
            f"at most {MOST_MEGABYTES} MB",
            0 < memory <= MOST_MEGABYTES,
        ),
        Row(
            f"of {sample} that serve port 3000, answer as who they are",
            right,
            "",
            "",
            None,
            "all",
            right == sample,
        ),
        at_most("request to one of them after another, median", "ms", among, "always the same", alone),
        Row(f"destroying {count:,}, until all are answered", answered, "s", "", None, "", None),
        Row("until nothing of them is left", destroyed, "s", "", None, "", None),
    ]


def run(quick: bool = False) -> list[Row]:
    """All rows. Quick: fewer VMs, for a first look."""
    with served() as server:
        return uvloop.run(_measure(server, quick))


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)), end="")
