"""Real VMs for tests: a sandbox of the test's own, and machines booted in it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from hatchway.options import Limits
from hatchway.vm.machine import Machine
from hatchway.vm.sandbox.sandbox import Sandbox
from vm.running import Boot


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop that a server runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
async def sandbox(data_dir: Path) -> AsyncIterator[Sandbox]:
    sandbox = await Sandbox.start(data_dir)
    yield sandbox
    await sandbox.close()


@pytest.fixture
async def boot(sandbox: Sandbox) -> AsyncIterator[Boot]:
    """Boots machines, and stops them when the test ends."""
    machines: list[Machine] = []
    numbers = itertools.count()

    async def boot(limits: Limits | None = None, layers: tuple[Path, ...] = ()) -> Machine:
        number = next(numbers)
        machine = await Machine.boot(sandbox, f"vm{number}", number, limits or Limits(), layers)
        machines.append(machine)
        return machine

    yield boot
    for machine in machines:
        await machine.stop()


@pytest.fixture
async def machine(boot: Boot) -> Machine:
    return await boot()
