"""Waiting for services in real VMs: who gets a connection, who is told what, and that nothing is left of who left.

Services start when the test says so: they wait for a file. That time has passed is said by the hour of a request's
arrival: what matters to it is what began within the window before.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator

import pytest

from hatchway.errors import HatchwayError, Unavailable
from hatchway.vm.machine import Machine
from hatchway.vm.port_wait import RETRY_SECONDS
from hatchway.vm.records import ExecRequest, SpawnRequest
from vm.running import Boot, run

pytestmark = pytest.mark.sandbox

LONG = 1000.0
"""Seconds: more than any test lasts."""

SERVER = """
import os, socket, sys
while not os.path.exists("go"):
    pass
listener = socket.create_server(("127.0.0.1", 3000), backlog=2000)
count = 0
while True:
    connection, _ = listener.accept()
    count += 1
    connection.sendall(str(count).encode())
    connection.close()
"""


@pytest.fixture(autouse=True)
async def _nothing_is_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    # What was cancelled has its end within the loop's next turns.
    while asyncio.all_tasks() - before - {asyncio.current_task()}:  # noqa: ASYNC110
        await asyncio.sleep(0)


def _dial(machine: Machine, *, wait: float = LONG, later: float = 0.0) -> asyncio.Task[socket.socket]:
    """A request for port 3000 that arrives `later` seconds from now, as far as the machine can tell."""
    arrived = asyncio.get_running_loop().time() + later
    return asyncio.create_task(machine.dial(3000, wait_seconds=wait, arrived=arrived))


async def _waiting(machine: Machine, count: int) -> None:
    """Return once `count` requests are held."""
    while sum(len(watch.waiters) for watch in machine._waiting_room._watches.values()) != count:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def _refused(machine: Machine, *, wait: float = LONG, later: float = 0.0) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        await _dial(machine, wait=wait, later=later)
    return caught.value


async def _answer(sock: socket.socket) -> bytes:
    with sock:
        return await asyncio.get_running_loop().sock_recv(sock, 100)


async def _write_server(machine: Machine) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield SERVER.encode()

    await machine.write_file(b"/home/user/server.py", chunks(), None)


async def _let_it_listen(machine: Machine) -> None:
    await run(machine, "touch go")


async def test_a_spawned_program_is_waited_for(machine: Machine) -> None:
    await _write_server(machine)
    await machine.spawn(SpawnRequest("python3", ["server.py"]))
    dialling = _dial(machine)
    await _waiting(machine, 1)
    await _let_it_listen(machine)
    sock = await dialling
    assert sock.getblocking() is False
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert await _answer(sock) == b"1"  # the very first connection: nothing else has knocked


async def test_a_vm_that_has_just_booted_is_waited_for(machine: Machine) -> None:
    dialling = _dial(machine)
    await _waiting(machine, 1)
    await _write_server(machine)
    await _let_it_listen(machine)
    await machine.spawn(SpawnRequest("python3", ["server.py"]))
    assert await _answer(await dialling) == b"1"


@pytest.mark.parametrize(
    "command", ["python3 server.py", "python3 server.py >log 2>&1 &", "setsid -f python3 server.py"]
)
async def test_what_a_command_starts_is_waited_for(machine: Machine, command: str) -> None:
    await _write_server(machine)
    # Long before the request, so that neither the VM nor this counts as new.
    ended = await machine.spawn(SpawnRequest("true"))
    await machine.processes.wait(ended)
    async with machine.exec(ExecRequest(command)) as events:
        if command.endswith("&") or "-f" in command:
            async for _ in events:
                pass  # the command ends, and what it started goes on
        dialling = _dial(machine)
        await _waiting(machine, 1)
        await _let_it_listen(machine)
        assert await _answer(await dialling) == b"1"


async def test_a_program_that_goes_on_without_its_parent_is_waited_for(machine: Machine) -> None:
    await _write_server(machine)
    pid = await machine.spawn(SpawnRequest("sh", ["-c", "python3 server.py & exit 5"]))
    dialling = _dial(machine)
    await _waiting(machine, 1)
    assert (await machine.processes.wait(pid)).exit_code == 5
    late = _dial(machine)
    await _waiting(machine, 2)
    await _let_it_listen(machine)
    assert {await _answer(await dialling), await _answer(await late)} == {b"1", b"2"}


async def test_when_it_has_ended_as_well_the_program_that_started_it_is_told(machine: Machine) -> None:
    await machine.spawn(SpawnRequest("sh", ["-c", "(until [ -e go ]; do :; done; echo sad >&2) & exit 5"]))
    dialling = _dial(machine)
    await _waiting(machine, 1)
    await _let_it_listen(machine)
    with pytest.raises(Unavailable) as caught:
        await dialling
    assert "exited with code 5" in caught.value.message
    assert caught.value.details is not None
    assert caught.value.details["stderr"] == "sad"


async def test_the_end_of_the_program_is_told_at_once(machine: Machine) -> None:
    script = "echo fine; until [ -e go ]; do :; done; seq 20 >&2; printf '\\033[31mred' >&2; exit 3"
    pid = await machine.spawn(SpawnRequest("sh", ["-c", script]))
    dialling = [_dial(machine) for _ in range(20)]
    await _waiting(machine, 20)
    await _let_it_listen(machine)
    results = await asyncio.gather(*dialling, return_exceptions=True)
    # And to whoever comes after, however long after.
    results += [await _refused(machine), await _refused(machine, wait=0), await _refused(machine, later=1e6)]
    for error in results:
        assert isinstance(error, Unavailable)
        assert (error.code, error.status, error.retry_after) == ("process_exited", 502, None)
        assert error.message.endswith("exited with code 3")
        assert error.details is not None
        stderr = "\n".join(str(number) for number in range(12, 21)) + "\n\ufffd[31mred"
        assert error.details["pid"] == pid
        assert str(error.details["command"]).startswith("sh -c 'echo fine;")
        assert (error.details["exit_code"], error.details["signal"], error.details["stderr"]) == (
            3,
            None,
            stderr,
        )


async def test_a_program_that_was_killed(machine: Machine) -> None:
    pid = await machine.spawn(SpawnRequest("sleep", ["1000"]))
    dialling = _dial(machine)
    await _waiting(machine, 1)
    await machine.processes.signal(pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match=r"was ended by signal 9 \(SIGKILL\)"):
        await dialling


async def test_only_the_program_started_last_is_told(machine: Machine) -> None:
    first = await machine.spawn(SpawnRequest("sh", ["-c", "exit 1"]))
    await machine.processes.wait(first)
    second = await machine.spawn(SpawnRequest("sleep", ["1000"]))
    dialling = _dial(machine)
    await _waiting(machine, 1)  # for the second
    third = await machine.spawn(SpawnRequest("sh", ["-c", "exit 3"]))
    await machine.processes.wait(third)
    await machine.processes.signal(second, signal.SIGKILL)
    with pytest.raises(Unavailable, match="exited with code 3"):
        await dialling


async def test_an_older_program_does_not_hide_the_end_of_the_last(machine: Machine) -> None:
    await machine.spawn(SpawnRequest("sleep", ["1000"]))
    last = await machine.spawn(SpawnRequest("sh", ["-c", "exit 3"]))
    await machine.processes.wait(last)
    assert (await _refused(machine, wait=10, later=100)).code == "process_exited"


async def test_nothing_new_is_refused_at_once(machine: Machine) -> None:
    empty = await _refused(machine, wait=10, later=100)
    assert (empty.code, empty.status, empty.retry_after) == ("port_closed", 502, None)
    assert "within" not in empty.message
    await machine.spawn(SpawnRequest("sleep", ["1000"]))
    busy = await _refused(machine, wait=10, later=100)
    assert (busy.code, busy.retry_after) == ("port_closed", RETRY_SECONDS)  # it may yet listen


async def test_no_waiting_at_all(machine: Machine) -> None:
    assert (await _refused(machine, wait=0)).code == "port_closed"
    await machine.spawn(SpawnRequest("sleep", ["1000"]))
    assert (await _refused(machine, wait=0)).code == "port_closed"
    assert not machine._waiting_room._watches


async def test_waiting_has_an_end(machine: Machine) -> None:
    empty = await _refused(machine, wait=3, later=-2.8)
    assert (empty.code, empty.status, empty.retry_after) == ("port_closed", 502, None)
    assert empty.message.endswith(", and nothing began to within 3 s")
    await machine.spawn(SpawnRequest("sleep", ["1000"]))
    busy = await _refused(machine, wait=3, later=-2.8)
    assert (busy.code, busy.retry_after) == ("port_closed", RETRY_SECONDS)
    assert (await _refused(machine, wait=3, later=-3)).code == "port_closed"


async def test_one_watch_for_however_many(machine: Machine) -> None:
    await _write_server(machine)
    await machine.spawn(SpawnRequest("python3", ["server.py"]))
    tasks = len(asyncio.all_tasks())
    dialling = [_dial(machine) for _ in range(300)]
    await _waiting(machine, 300)
    assert len(asyncio.all_tasks()) == tasks + 300 + 1
    await _let_it_listen(machine)
    sockets = await asyncio.gather(*dialling)
    answers = {int(await _answer(sock)) for sock in sockets}
    assert answers == set(range(1, 301))  # each its own connection, and none but theirs


async def test_a_service_that_serves_once_is_waited_for_again(machine: Machine) -> None:
    once = "import socket; socket.create_server(('', 3000), backlog=0).accept()[0].send(b'x')"
    await machine.spawn(
        SpawnRequest("sh", ["-c", f'until [ -e go ]; do :; done; while :; do python3 -c "{once}"; done'])
    )
    dialling = [_dial(machine) for _ in range(2)]
    await _waiting(machine, 2)
    await _let_it_listen(machine)
    first, second = await asyncio.gather(*dialling)
    first.close()
    second.close()


async def test_the_end_of_the_vm_is_told_at_once(boot: Boot) -> None:
    for end in ("stop", "kill"):
        machine = await boot()
        await machine.spawn(SpawnRequest("sleep", ["1000"]))
        dialling = [_dial(machine) for _ in range(5)]
        await _waiting(machine, 5)
        if end == "stop":
            await machine.stop()
        else:
            os.kill(machine.init_pid, signal.SIGKILL)
        for result in await asyncio.gather(*dialling, return_exceptions=True):
            assert isinstance(result, HatchwayError)
            assert result.code == "vm_stopped"
        assert not machine._waiting_room._watches


async def test_whoever_leaves_leaves_nothing(machine: Machine) -> None:
    await run(machine, "true")
    before = len(os.listdir("/proc/self/fd"))
    dialling = [_dial(machine) for _ in range(10)]
    await _waiting(machine, 10)
    for task in dialling[:5]:
        task.cancel()
    await asyncio.wait(dialling[:5])
    await _waiting(machine, 5)
    assert len(machine._waiting_room._watches) == 1
    for task in dialling[5:]:
        task.cancel()
    await asyncio.wait(dialling[5:])
    assert not machine._waiting_room._watches
    await run(machine, "true")  # whatever was under way has been answered by now
    assert len(os.listdir("/proc/self/fd")) <= before + 4  # those fetched ahead


@pytest.mark.parametrize("listens", [False, True])
async def test_leaving_at_any_moment_leaves_nothing(machine: Machine, listens: bool) -> None:
    await _write_server(machine)
    pid = await machine.spawn(SpawnRequest("python3", ["server.py"]))
    if listens:
        await _let_it_listen(machine)
        with await _dial(machine):
            pass
    before = len(os.listdir("/proc/self/fd"))
    for turns in range(60):
        dialling = [_dial(machine) for _ in range(2)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in dialling:
            task.cancel()
        await asyncio.wait(dialling)
        for task in dialling:
            if not task.cancelled():
                task.result().close()
        assert not machine._waiting_room._watches
    assert machine.processes.get(pid).info().state == "running"
    await run(machine, "true")
    assert len(os.listdir("/proc/self/fd")) <= before + 4


async def test_leaving_just_when_it_begins_to_listen(machine: Machine) -> None:
    """The connection that told is given to somebody who has gone in the same turn."""
    await _write_server(machine)
    await machine.spawn(SpawnRequest("python3", ["server.py"]))
    dialling = _dial(machine)
    await _waiting(machine, 1)
    (watch,) = machine._waiting_room._watches.values()
    ours, theirs = socket.socketpair()
    watch.give(ours)
    dialling.cancel()
    await asyncio.wait([dialling])
    assert dialling.cancelled()
    with theirs:
        assert theirs.recv(10) == b""  # closed
    nobody, theirs = socket.socketpair()
    watch.give(nobody)
    with theirs:
        assert theirs.recv(10) == b""
