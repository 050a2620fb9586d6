"""The ports that are listened on in a real VM, and the events about them."""

from __future__ import annotations

import asyncio

import pytest

from e2e.waiting import eventually
from hatchway.errors import Unavailable
from hatchway.vm.event_log import EventLog
from hatchway.vm.machine import Machine
from hatchway.vm.port_watch import PortWatch
from hatchway.vm.ports import read_ports
from hatchway.vm.records import SpawnRequest
from vm.running import run_python

pytestmark = pytest.mark.sandbox

LISTEN = """
import socket, sys, time
listeners = [socket.create_server((host, port)) for host, port in {addresses}]
six = socket.socket(socket.AF_INET6); six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
six.bind(("::", 3000)); six.listen()
sys.stdin.read()
"""


async def _listen(machine: Machine, addresses: list[tuple[str, int]]) -> int:
    program = LISTEN.format(addresses=addresses)
    return await machine.spawn(SpawnRequest("python3", ["-c", program]))


async def test_they_are_told_with_who_listens(machine: Machine) -> None:
    assert await machine.ports() == []
    pid = await _listen(machine, [("127.0.0.1", 3000), ("0.0.0.0", 8080)])

    async def all_three() -> bool:
        return len(await machine.ports()) == 3

    await eventually(all_three, "all three are listened on")
    found = await machine.ports()
    assert [(each.port, each.address, each.family, each.pid) for each in found] == [
        (3000, "127.0.0.1", "ipv4", pid),
        (3000, "::", "ipv6", pid),
        (8080, "0.0.0.0", "ipv4", pid),
    ]
    assert found[0].command[:2] == (b"python3", b"-c")
    machine.processes.close_stdin(pid)
    await machine.processes.wait(pid)
    assert await machine.ports() == []


async def test_many_listeners_are_told_in_part(machine: Machine) -> None:
    program = (
        "import socket,sys; s=[socket.create_server(('', 10000+n)) for n in range(600)]; print('up'); "
        "sys.stdout.flush(); sys.stdin.read()"
    )
    pid = await machine.spawn(SpawnRequest("python3", ["-c", program]))
    await machine.wait_for_port(10599, 10)
    found = await machine.ports()
    assert [each.port for each in found] == list(range(10000, 10256))
    assert {each.pid for each in found} == {pid}


async def test_begin_and_end_are_events(machine: Machine) -> None:
    events = EventLog()
    watch = PortWatch(machine.ports, events)
    machine.processes.changed = watch.stir
    pid = await _listen(machine, [("127.0.0.1", 3000)])

    async def told(kind: str, count: int) -> bool:
        return sum(event.kind == kind for event in events.since(0)[0]) == count

    await eventually(lambda: told("port_opened", 2), "both ports are told")
    opened = next(event for event in events.since(0)[0] if event.data["address"] == "127.0.0.1")
    assert (opened.data["port"], opened.data["pid"]) == (3000, pid)
    machine.processes.close_stdin(pid)
    await eventually(lambda: told("port_closed", 2), "their end is told")
    await _listen(machine, [])
    await eventually(lambda: told("port_opened", 3), "the next is told")
    watch.stop()
    assert await told("port_closed", 3)


async def test_waiting_for_a_port(machine: Machine) -> None:
    with pytest.raises(Unavailable) as closed:
        await machine.wait_for_port(3000, 0.05)
    assert closed.value.code == "port_closed"
    await _listen(machine, [("127.0.0.1", 3000)])
    await machine.wait_for_port(3000, 30)
    await machine.wait_for_port(3000, 0)


async def test_waiting_ends_with_the_program(machine: Machine) -> None:
    await machine.spawn(SpawnRequest("sh", ["-c", "echo no such table >&2; exit 4"]))
    with pytest.raises(Unavailable) as exited:
        await machine.wait_for_port(3000, 60)
    assert exited.value.code == "process_exited"
    assert exited.value.details is not None
    assert (exited.value.details["exit_code"], exited.value.details["stderr"]) == (4, "no such table")


async def test_nothing_of_the_host_or_another_vm_is_seen(machine: Machine) -> None:
    assert (await run_python(machine, "print(open('/proc/net/tcp').read().count(chr(10)))")).stdout == "1\n"
    assert await read_ports(machine._channel) == []


async def test_a_child_that_listens_is_named(machine: Machine) -> None:
    program = "python3 -m http.server --bind 127.0.0.1 3000 & echo $!; wait"
    pid = await machine.spawn(SpawnRequest("sh", ["-c", program]))
    await machine.wait_for_port(3000, 30)
    (found,) = await machine.ports()
    assert found.pid not in {None, pid}
    assert found.command == (b"python3", b"-m", b"http.server", b"--bind", b"127.0.0.1", b"3000")


async def test_a_listener_that_no_process_has_open_is_told_without_one(machine: Machine) -> None:
    program = (
        "import socket, sys; a, b = socket.socketpair(); s = socket.create_server(('127.0.0.1', 3000)); "
        "socket.send_fds(a, [b'x'], [s.fileno()]); s.close(); sys.stdin.read()"
    )
    await machine.spawn(SpawnRequest("python3", ["-c", program]))

    async def without_owner() -> bool:
        return [(each.port, each.pid, each.command) for each in await machine.ports()] == [(3000, None, ())]

    await eventually(without_owner, "the socket is only on its way")


async def test_a_process_that_hides_its_files_is_told_without_them(machine: Machine) -> None:
    program = (
        "import ctypes, socket, sys; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); "  # PR_SET_DUMPABLE
        "s = socket.create_server(('127.0.0.1', 3000)); sys.stdin.read()"
    )
    await machine.spawn(SpawnRequest("python3", ["-c", program]))
    await machine.wait_for_port(3000, 30)
    (found,) = await machine.ports()
    assert (found.port, found.pid, found.command) == (3000, None, ())


async def test_a_connection_is_no_port_that_is_listened_on(machine: Machine) -> None:
    await _listen(machine, [("127.0.0.1", 8080)])
    await machine.wait_for_port(8080, 30)
    sock = await machine.dial(8080)
    try:
        assert [(each.port, each.family) for each in await machine.ports()] == [
            (3000, "ipv6"),
            (8080, "ipv4"),
        ]
    finally:
        sock.close()


async def test_a_program_that_has_run_for_long_is_given_the_time(machine: Machine) -> None:
    pid = await machine.spawn(SpawnRequest("sleep", ["1000"]))

    async def is_old() -> bool:
        age = await machine.processes.youngest()
        return age is not None and asyncio.get_running_loop().time() - age > 0.4

    await eventually(is_old, f"process {pid} is older than it will be waited for")
    with pytest.raises(Unavailable, match=r"within 0\.3 s") as closed:
        await machine.wait_for_port(3000, 0.3)
    assert closed.value.code == "port_closed"
