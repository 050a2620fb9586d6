"""The workers of a machine's guest init, as its processes see them."""

from __future__ import annotations

from e2e.waiting import eventually
from hatchway.vm.machine import Machine
from vm.running import run


async def workers(machine: Machine) -> list[str]:
    """Their pids and states."""
    ran = await run(machine, "grep -l hatchway-worker /proc/[0-9]*/comm 2>/dev/null")
    return ran.stdout.split()


async def no_worker_is_left(machine: Machine) -> None:
    """Return once none is there any more."""

    async def gone() -> bool:
        return await workers(machine) == []

    await eventually(gone, "no worker is left in the VM")
