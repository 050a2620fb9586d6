"""Cold start, exec and memory of VMs, beside processes outside a VM.

Cold start is from the request for a new VM to the first output of `echo` in it, with everything that is the VM's
own: its folder, cgroups, id maps, mounts. There is no pool of VMs; one guest init in empty namespaces waits ready, as
always. Each sample is followed by one of the same program outside, so that both meet the same machine.

    python -m benchmarks.virtual_machines [--quick]
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from benchmarks.table import Row, markdown, number
from hatchway.errors import Unavailable
from hatchway.options import Limits
from hatchway.vm.machine import Machine
from hatchway.vm.records import ExecRequest, Output, SpawnRequest
from hatchway.vm.sandbox.sandbox import Sandbox

_SERVER = "require('http').createServer((q, s) => s.end('ok')).listen({port}, '127.0.0.1')"


async def _first_output_inside(machine: Machine) -> None:
    async with machine.exec(ExecRequest(["echo", "x"])) as events:
        async for event in events:
            if isinstance(event, Output):
                return


async def _first_output_outside() -> None:
    process = await asyncio.create_subprocess_exec("echo", "x", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.read(1)
    await process.wait()


async def _milliseconds(action: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await action()
    return (time.perf_counter() - started) * 1000


async def _cold_starts(sandbox: Sandbox, count: int) -> tuple[list[float], list[float]]:
    inside, outside = [], []
    for index in range(count + 3):
        machines: list[Machine] = []

        async def create(index: int = index, machines: list[Machine] = machines) -> None:
            machines.append(await Machine.boot(sandbox, f"cold{index}", index, Limits(), ()))
            await _first_output_inside(machines[0])

        cold = await _milliseconds(create)
        await machines[0].stop()
        await sandbox.remove(f"cold{index}")
        beside = await _milliseconds(_first_output_outside)
        if index >= 3:  # the first ones meet cold caches
            inside.append(cold)
            outside.append(beside)
    return inside, outside


async def _execs(sandbox: Sandbox, count: int) -> tuple[list[float], list[float]]:
    machine = await Machine.boot(sandbox, "exec", 0, Limits(), ())
    inside, outside = [], []
    for _ in range(count):
        inside.append(await _milliseconds(lambda: _first_output_inside(machine)))
        outside.append(await _milliseconds(_first_output_outside))
    await machine.stop()
    return inside, outside


async def _idle(sandbox: Sandbox, count: int) -> tuple[float, float, float]:
    """MB a VM of the whole machine, private MB of guest init alone (0: may not be read), and ms a VM to make."""
    gc.collect()
    before, started = available_bytes(), time.perf_counter()
    machines = [await Machine.boot(sandbox, f"idle{index}", index, Limits(), ()) for index in range(count)]
    for machine in machines:
        await _first_output_inside(machine)
    each = (time.perf_counter() - started) * 1000 / count
    used = (before - available_bytes()) / count / 1e6
    private = statistics.median(_private_bytes(machine.init_pid) for machine in machines) / 1e6
    await asyncio.gather(*(machine.stop() for machine in machines))
    return used, private, each


def available_bytes() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])


def _private_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except PermissionError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


async def _expect_200(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with sock:
        await loop.sock_sendall(sock, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in await loop.sock_recv(sock, 4096)


async def _node_server(sandbox: Sandbox, count: int) -> tuple[list[float], list[float]]:
    """From starting a node server to its first 200, inside and outside a VM."""
    machine = await Machine.boot(sandbox, "node", 0, Limits(), ())
    inside, outside = [], []
    loop = asyncio.get_running_loop()
    for index in range(count):
        port = 20_000 + index

        async def serve_inside(port: int = port) -> None:
            await machine.spawn(SpawnRequest("node", ["-e", _SERVER.format(port=port)]))
            while True:
                try:
                    sock = await machine.dial(port)
                    break
                except Unavailable:  # not listening yet
                    await asyncio.sleep(0.001)
            await _expect_200(sock)

        inside.append(await _milliseconds(serve_inside))

        processes: list[asyncio.subprocess.Process] = []

        async def serve_outside(
            port: int = port, processes: list[asyncio.subprocess.Process] = processes
        ) -> None:
            processes.append(await asyncio.create_subprocess_exec("node", "-e", _SERVER.format(port=port)))
            while True:
                sock = socket.socket()
                sock.setblocking(False)
                try:
                    await loop.sock_connect(sock, ("127.0.0.1", port))
                    break
                except OSError:
                    sock.close()
                    await asyncio.sleep(0.001)
            await _expect_200(sock)

        outside.append(await _milliseconds(serve_outside))
        processes[0].kill()
        await processes[0].wait()
    await machine.stop()
    return inside, outside


async def _measure(folder: Path, quick: bool) -> list[Row]:
    sandbox = await Sandbox.start(folder)
    try:
        # First: what the kernel frees late of ended VMs would count as less used.
        vms = 20 if quick else 100
        used, private, each = await _idle(sandbox, vms)
        cold, cold_outside = await _cold_starts(sandbox, 20 if quick else 100)
        execs, execs_outside = await _execs(sandbox, 50 if quick else 300)
        node, node_outside = await _node_server(sandbox, 3 if quick else 10)
    finally:
        await sandbox.close()
    p50, p95 = statistics.median(cold), statistics.quantiles(cold, n=20)[-1]
    user = "as root" if os.geteuid() == 0 else "as an ordinary user"
    return [
        Row(
            f"cold start to first output, median ({user})",
            p50,
            "ms",
            f"process outside: {number(statistics.median(cold_outside))} ms",
            p50 / statistics.median(cold_outside),
            "at most 6 ms",
            p50 <= 6,
        ),
        Row("cold start to first output, 95th percentile", p95, "ms", "", None, "", None),
        _beside("exec to first output, median", execs, execs_outside, "process outside", "", None),
        Row(
            f"memory of the machine per idle VM ({vms} VMs)",
            used,
            "MB",
            "",
            None,
            "at most 1.5 MB",
            0 < used <= 1.5,  # below zero: others on the machine gave memory back meanwhile
        ),
        Row("of it private to guest init", private, "MB", "", None, "", None),
        Row(f"creating {vms} VMs one after another, each", each, "ms", "", None, "", None),
        _beside(
            "node server: start to first 200, median", node, node_outside, "node outside", "at most 1.1", 1.1
        ),
    ]


def _beside(
    name: str, ours: list[float], others: list[float], other: str, goal: str, most: float | None
) -> Row:
    value, compared = statistics.median(ours), statistics.median(others)
    ratio = value / compared
    return Row(
        name,
        value,
        "ms",
        f"{other}: {number(compared)} ms",
        ratio,
        goal,
        None if most is None else ratio <= most,
    )


def run(quick: bool = False) -> list[Row]:
    """All rows. Quick: fewer samples, for a first look."""
    with tempfile.TemporaryDirectory(prefix="hatchway-bench-", ignore_cleanup_errors=True) as folder:
        return uvloop.run(_measure(Path(folder), quick))


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)), end="")
