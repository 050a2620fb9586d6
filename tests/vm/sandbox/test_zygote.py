"""The zygote's household: what is left of the guests it has forked."""

from __future__ import annotations

import asyncio

import pytest

from e2e.host_processes import guests, open_fds, zombies
from hatchway.options import Limits
from hatchway.vm.machine import Machine
from hatchway.vm.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.sandbox


async def test_guests_that_have_ended_leave_no_zombie_and_no_fd(sandbox: Sandbox) -> None:
    before = len(open_fds(sandbox.zygote_pid))

    async def live(number: int) -> None:
        machine = await Machine.boot(sandbox, f"vm{number}", number, Limits(), ())
        await machine.stop()

    await asyncio.gather(*(live(number) for number in range(30)))
    while guests(sandbox.zygote_pid) or zombies(sandbox.zygote_pid):
        pass
    assert len(open_fds(sandbox.zygote_pid)) == before
