"""Waking VMs, and making them of those that wait ready.

A request is dialled and answered inside the server's process, without the gateway. A running VM's is the measure of a
paused one's; a service that is started by hand in a VM that has just booted, of one that sleeps: what is declared may
cost little more. A VM of the pool is made in the database, durably, and has run `echo` when the clock stops.

    python -m benchmarks.life_of_a_vm [--quick]
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from benchmarks.table import Row, markdown, number
from hatchway.options import IdleOptions, VmOptions
from hatchway.store.store import Store
from hatchway.vm.machine import Machine
from hatchway.vm.manager import VmManager
from hatchway.vm.records import ExecRequest, Output, SpawnRequest
from hatchway.vm.sandbox.sandbox import Sandbox
from hatchway.vm.service_spec import ServiceSpec

_SERVER = "require('http').createServer((q, s) => s.end('ok')).listen(3000, '127.0.0.1')"
_KIND = "vm"


async def _milliseconds(action: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await action()
    return (time.perf_counter() - started) * 1000


async def _fetch(machine: Machine) -> None:
    loop = asyncio.get_running_loop()
    sock: socket.socket = await machine.dial(3000, wait_seconds=10)
    with sock:
        await loop.sock_sendall(sock, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in await loop.sock_recv(sock, 4096)


async def _visits(
    store: Store, manager: VmManager, count: int
) -> tuple[list[float], list[float], list[float]]:
    """From the request to its 200: of a VM that runs, is paused, sleeps."""
    vm, _created = await manager.get_or_create(_KIND, ("visited",))
    spec = ServiceSpec("web", "node", ["-e", _SERVER], port=3000)
    await store.services.put(vm.id, spec)
    await (await manager.life(vm.id)).supervisor.declare(spec)

    async def visit() -> None:
        async with manager.using(vm.id) as machine:
            await _fetch(machine)

    await visit()
    running, paused, asleep = [], [], []
    for _ in range(count):
        running.append(await _milliseconds(visit))
        await manager.pause(vm.id)
        paused.append(await _milliseconds(visit))
    for _ in range(max(3, count // 10)):
        await manager.sleep(vm.id)
        asleep.append(await _milliseconds(visit))
    await manager.destroy(vm.id)
    return running, paused, asleep


async def _by_hand(manager: VmManager, count: int) -> list[float]:
    """A boot, and node started by hand, until its first 200."""
    vm, _created = await manager.get_or_create(_KIND, ("by hand",))

    async def start() -> None:
        async with manager.using(vm.id) as machine:
            await machine.spawn(SpawnRequest("node", ["-e", _SERVER]))
            await _fetch(machine)

    times = []
    for _ in range(count):
        times.append(await _milliseconds(start))
        await manager.sleep(vm.id)
    await manager.destroy(vm.id)
    return times


async def _first_output(manager: VmManager, key: str) -> str:
    vm, _created = await manager.get_or_create(_KIND, (key,))
    request = ExecRequest(["echo", "x"])
    async with manager.using(vm.id) as machine, machine.exec(request) as events:
        async for event in events:
            if isinstance(event, Output):
                break
    return vm.id


async def _creations(manager: VmManager, count: int, *, wait: bool) -> list[float]:
    """From the call that makes a VM to the first output in it."""
    times = []
    for index in range(count + 2):
        made: list[str] = []

        async def create(index: int = index, made: list[str] = made) -> None:
            made.append(await _first_output(manager, f"new {index}"))

        taken = await _milliseconds(create)
        if index >= 2:  # the first ones find nothing ready
            times.append(taken)
        await manager.destroy(made[0])
        while wait and not manager.machines.waiting_ids():  # noqa: ASYNC110 - not what is measured
            await asyncio.sleep(0.001)
    return times


async def _measure(folder: Path, quick: bool) -> list[Row]:
    visits, creations = (20, 15) if quick else (200, 100)
    store = await Store.open(folder)
    sandbox = await Sandbox.start(folder)
    kinds = {_KIND: VmOptions(idle=IdleOptions(None, None))}
    with_pool, without = (
        VmManager(store, sandbox, kinds, folder / "cache", folder / "logs", ready_vms=ready)
        for ready in (4, 0)
    )
    try:
        running, paused, asleep = await _visits(store, without, visits)
        by_hand = await _by_hand(without, len(asleep))
        cold = await _creations(without, creations, wait=False)
        ready = await _creations(with_pool, creations, wait=True)
    finally:
        await with_pool.close()
        await without.close()
        await sandbox.close()
        await store.close()
    base, woken = statistics.median(running), statistics.median(paused)
    slept, hand = statistics.median(asleep), statistics.median(by_hand)
    made, booted = statistics.median(ready), statistics.median(cold)
    return [
        Row("a request to a running VM, median", base, "ms", "", None, "", None),
        Row(
            "to a paused one, over that",
            woken - base,
            "ms",
            f"in all: {number(woken)} ms",
            None,
            "at most 5 ms",
            woken - base <= 5,
        ),
        Row(
            "to one that sleeps, with a declared node server, median",
            slept,
            "ms",
            f"boot, and node by hand: {number(hand)} ms",
            slept / hand,
            "at most 1.3",
            slept / hand <= 1.3,
        ),
        Row(
            "new VM to first output, from the pool, median",
            made,
            "ms",
            f"without: {number(booted)} ms",
            made / booted,
            "at most 2 ms",
            made <= 2,
        ),
    ]


def run(quick: bool = False) -> list[Row]:
    """All rows. Quick: fewer samples, for a first look."""
    with tempfile.TemporaryDirectory(prefix="hatchway-bench-", ignore_cleanup_errors=True) as folder:
        return uvloop.run(_measure(Path(folder), quick))


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)), end="")
