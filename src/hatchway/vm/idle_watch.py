"""Pauses VMs that nobody uses, and puts them to sleep."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from hatchway.errors import HatchwayError
from hatchway.vm.life import Life
from hatchway.vm.manager import VmManager
from hatchway.vm.states import due_state, next_due

LONGEST_PAUSE = 1.0
"""Seconds between two looks: connections are only seen to be in use when they are looked at."""
SHORTEST_PAUSE = 0.01

_log = logging.getLogger(__name__)


async def watch_idle(manager: VmManager, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Look after all VMs, until cancelled.

    A VM in use has been used just now: its time without use counts from the last look that saw it in use.
    """
    while True:
        busy = manager.traffic.busy_vms()
        pause = LONGEST_PAUSE
        for vm_id, life in manager.lives():
            if vm_id in busy or life.in_use:
                life.used()
                continue
            await _look(manager, vm_id, life)
            due = next_due(life.state, life.idle_seconds, life.idle)
            if due is not None:
                pause = min(pause, due)
        await sleep(max(pause, SHORTEST_PAUSE))


async def _look(manager: VmManager, vm_id: str, life: Life) -> None:
    state = life.state
    due = due_state(state, life.idle_seconds, life.idle)
    if due == state:
        return

    def still_due() -> bool:
        return (
            not life.in_use
            and due_state(life.state, life.idle_seconds, life.idle) == due
            and manager.may_pause(vm_id)
        )

    try:
        if due == "paused":
            await life.pause(still_due)
        else:
            # It may take its grace, and the others must not wait for it.
            manager.sleep_soon(life, still_due)
    except HatchwayError as error:
        _log.warning("a VM that nobody uses could not be paused: %s", error.message)
