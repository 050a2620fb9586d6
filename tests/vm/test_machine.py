"""A running VM from its boot to its end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from hatchway.errors import Unavailable
from hatchway.vm.machine import Machine
from hatchway.vm.records import ExecRequest, Output, SpawnRequest
from vm.running import Boot, run

pytestmark = pytest.mark.sandbox


async def test_a_string_is_for_the_shell_and_a_list_is_not(machine: Machine) -> None:
    assert (await run(machine, "echo $((1 + 1)) | cat")).stdout == "2\n"
    assert (await run(machine, ["echo", "$((1 + 1)) | cat"])).stdout == "$((1 + 1)) | cat\n"


async def test_output_comes_while_the_command_runs(machine: Machine) -> None:
    async with machine.exec(ExecRequest("echo begun; until [ -e go ]; do :; done; echo ended")) as events:
        assert await anext(events) == Output("stdout", b"begun\n")
        await run(machine, "touch go")
        assert await anext(events) == Output("stdout", b"ended\n")


async def test_stop(machine: Machine) -> None:
    await machine.spawn(SpawnRequest("sleep", ["1000"]))
    pid = machine.init_pid
    assert machine.is_running
    assert "hatchway-init" in Path(f"/proc/{pid}/cmdline").read_text()
    await machine.stop()
    await machine.stop()
    assert not machine.is_running
    assert machine.ended.done()
    for action in (
        run(machine, "true"),
        machine.exists(b"/"),
        machine.delete_file(b"/home/user/x"),
        machine.dial(3000),
    ):
        with pytest.raises(Unavailable) as caught:
            await action
        assert caught.value.code == "vm_stopped"


async def test_a_machine_that_has_ended_holds_no_fd(boot: Boot) -> None:
    other = await boot()
    await run(other, "true")
    before = len(os.listdir("/proc/self/fd"))
    machine = await boot()
    await machine.spawn(SpawnRequest("cat", ["/dev/zero"]))
    os.kill(machine.init_pid, signal.SIGKILL)
    await machine.ended
    await run(other, "true")
    assert len(os.listdir("/proc/self/fd")) == before
