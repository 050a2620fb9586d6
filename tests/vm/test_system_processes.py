"""Every process of a VM: what real ones show, and what a guest in the test's hands may say."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import HatchwayError, Unavailable
from hatchway.options import Limits
from hatchway.vm.machine import Machine
from hatchway.vm.records import SpawnRequest, SystemProcess
from hatchway.vm.sandbox.channel import Channel
from hatchway.vm.sandbox.guest_processes import PAGE_PROCESSES
from hatchway.vm.system_processes import MAX_PID, MAX_PROCESSES, read_all, split_arguments
from vm.running import Boot, run


@given(st.lists(st.binary().map(lambda data: data.replace(b"\0", b"x")), max_size=5), st.integers(0, 5))
def test_arguments_are_told_apart(arguments: list[bytes], nuls: int) -> None:
    while arguments and not arguments[-1]:
        arguments.pop()
    printed = b"".join(argument + b"\0" for argument in arguments)
    assert split_arguments(printed + bytes(nuls)) == tuple(arguments)
    assert split_arguments(printed[:-1]) == tuple(arguments)  # cut, or written over by the process


@given(st.binary())
def test_whatever_a_process_writes_over_its_arguments_is_told(data: bytes) -> None:
    assert b"\0".join(split_arguments(data)) == data.rstrip(b"\0")


# -- a guest in the test's hands


class Guest:
    """Answers what it is told to, whatever is asked."""

    def __init__(self, channel: Channel, theirs: socket.socket) -> None:
        self.channel = channel
        self._theirs = theirs

    async def ask(self, *answers: dict[str, Any]) -> list[SystemProcess]:
        """Ask it for all processes; its answers, of which the last stays."""
        asking = asyncio.create_task(read_all(self.channel, lambda pid: pid == 7))
        left = list(answers)
        while not asking.done():
            hearing = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(self._theirs, 100_000))
            await asyncio.wait([asking, hearing], return_when=asyncio.FIRST_COMPLETED)
            if not hearing.done():
                hearing.cancel()
                break
            request = json.loads(hearing.result())
            assert request["op"] == "processes"
            answer = {"op": "done", "id": request["id"], **left[0]}
            if len(left) > 1:
                del left[0]
            with open("/dev/null") as null:
                socket.send_fds(self._theirs, [json.dumps(answer).encode()], [null.fileno()])
            await asyncio.sleep(0)
        return await asking


@pytest.fixture
async def guest() -> AsyncIterator[Guest]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    before = len(os.listdir("/proc/self/fd"))
    channel = Channel(ours, lambda _pid, _status: None)
    yield Guest(channel, theirs)
    assert len(os.listdir("/proc/self/fd")) <= before
    theirs.close()
    channel.kill()
    await channel.wait_ended()


def _process(pid: object = 7, arguments: bytes = b"cat\0", **fields: object) -> dict[str, object]:
    told = {"pid": pid, "ppid": 1, "state": "S", "age": 10.0, "memory": 4096, "name": "Y2F0"}
    return told | {"arguments": base64.b64encode(arguments).decode()} | fields


async def test_pages_are_put_together(guest: Guest) -> None:
    before = time.time()
    found = await guest.ask(
        {"processes": [_process(1, b"", ppid=0), _process(7)], "last": 9},
        {"processes": [_process(9, b"\xff\0\0", state="?")], "last": 100},
    )
    assert [(each.pid, each.ppid, each.command, each.state, each.spawned) for each in found] == [
        (1, 0, (b"cat",), "sleeping", False),
        (7, 1, (b"cat",), "sleeping", True),
        (9, 1, (b"\xff",), "unknown", False),
    ]
    assert found[0].memory_bytes == 4096
    assert before - 11 < found[0].started_at < time.time() - 9
    assert await guest.ask({"processes": [], "last": 9}) == []
    assert await guest.ask({}) == []


@pytest.mark.parametrize("age", [-1, -1e300, 0, 1e12, 1e300])
async def test_no_process_begins_in_the_future_or_before_the_machine(guest: Guest, age: float) -> None:
    (found,) = await guest.ask({"processes": [_process(age=age)], "last": 7})
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    assert boot - 1 <= found.started_at <= time.time()


@pytest.mark.parametrize(
    "page",
    [
        [_process(0)],
        [_process(-1)],
        [_process(MAX_PID + 1)],
        [_process(7), _process(7)],
        [_process(7), _process(6)],
        [_process(ppid=-1)],
        [_process(ppid=2**40)],
        [_process(memory=-1)],
        [_process(memory=2**64)],
        [_process(arguments=bytes(5000))],
        [_process(name=base64.b64encode(bytes(100)).decode())],
        [_process(name="no base64")],
        [_process(pid="7")],
        [_process(age="now")],
        [{"pid": 7}],
        "all of them",
        None,
    ],
)
async def test_a_wrong_answer_is_none(guest: Guest, page: object) -> None:
    with pytest.raises(Unavailable) as caught:
        await guest.ask({"processes": page, "last": 9})
    assert caught.value.code in {"vm_failed", "vm_stopped"}


async def test_a_guest_that_never_comes_to_an_end_is_cut_off(guest: Guest) -> None:
    pages: list[dict[str, Any]] = [
        {"processes": [_process(pid + number) for number in range(1000)], "last": 2**60}
        for pid in range(1, MAX_PROCESSES + 2000, 1000)
    ]
    with pytest.raises(Unavailable, match="wrong answer"):
        await guest.ask(*pages)
    with pytest.raises(Unavailable, match="wrong answer"):  # the same page again and again
        await guest.ask({"processes": [_process(7)], "last": MAX_PID})


async def test_a_guest_that_refuses(guest: Guest) -> None:
    with pytest.raises(HatchwayError) as caught:
        await guest.ask({"op": "error", "errno": 12})
    assert caught.value.code == "vm_failed"


# -- real ones


@pytest.mark.sandbox
async def test_every_process_of_a_vm_is_told(machine: Machine) -> None:
    spawned = await machine.spawn(SpawnRequest("sh", ["-c", "sleep 1000 & echo $!; exec sleep 2000"]))
    process = machine.processes.get(spawned)
    found: list[SystemProcess] = []
    # PID 1 answers just now; the others come to rest.
    while [(each.state, each.command[0]) for each in found] != [
        ("running", b"hatchway-init"),
        *[("sleeping", b"sleep")] * 2,
    ]:
        found = await machine.processes.list_all()
    init, parent, child = found
    assert (init.pid, init.ppid, init.command, init.spawned) == (1, 0, (b"hatchway-init",), False)
    assert (parent.pid, parent.ppid, parent.command) == (spawned, 1, (b"sleep", b"2000"))
    assert (child.ppid, child.command) == (spawned, (b"sleep", b"1000"))
    assert (parent.spawned, child.spawned) == (True, False)
    assert abs(parent.started_at - process.started_at) < 1
    assert 0 < child.memory_bytes < 100 * 1024 * 1024


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.mark.sandbox
async def test_names_are_any_bytes(machine: Machine) -> None:
    await machine.write_file(
        b"/home/user/odd.sh",
        _chunks(
            b"name=$(printf 'odd\\n) R 1 (\\377')\ncp /bin/sh \"$name\"\n"
            b'exec "./$name" -c "sleep 1000; :" "" "$(printf \'\\377 \\n\\n.\')"\n'
        ),
        None,
    )
    await run(machine, "sh odd.sh >/dev/null 2>&1 &")
    expected = (b"./odd\n) R 1 (\xff", b"-c", b"sleep 1000; :", b"", b"\xff \n\n.")
    while expected not in {each.command for each in await machine.processes.list_all()}:
        pass  # not there yet


@pytest.mark.sandbox
async def test_more_processes_than_one_page_holds(boot: Boot) -> None:
    machine = await boot(Limits(processes=3 * PAGE_PROCESSES))
    count = 2 * PAGE_PROCESSES
    await run(machine, f"for i in $(seq {count}); do sleep 1000 >/dev/null 2>&1 & done")
    sleeping = 0
    while sleeping < count:  # those that are no sleep yet are copies of the shell
        found = await machine.processes.list_all()
        assert [each.pid for each in found] == sorted({each.pid for each in found})
        sleeping = sum(b"sleep" in each.command for each in found)
    assert sleeping == count


_FORK_BOMB = """
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.001)
"""


@pytest.mark.sandbox
async def test_a_fork_bomb_is_told_and_ended(boot: Boot) -> None:
    machine = await boot(Limits(processes=100))
    bomb = await machine.spawn(SpawnRequest("python3", ["-c", _FORK_BOMB]))
    for most in (50, 80):
        while len(await machine.processes.list_all()) < most:
            pass
    for _ in range(20):
        assert len(await machine.processes.list_all()) <= 101
    await machine.processes.signal(bomb, signal.SIGKILL)
    assert (await machine.processes.wait(bomb)).signal == signal.SIGKILL
    while len(await machine.processes.list_all()) > 1:
        pass
    assert (await run(machine, "echo alive")).stdout == "alive\n"


@pytest.mark.sandbox
async def test_a_vm_that_has_ended_tells_nothing(machine: Machine) -> None:
    await machine.stop()
    with pytest.raises(Unavailable) as caught:
        await machine.processes.list_all()
    assert caught.value.code == "vm_stopped"
