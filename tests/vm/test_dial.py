"""Sockets into VMs: which are refused, and how a service is found."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from hatchway.errors import Unavailable
from hatchway.vm.dial import Dialer
from hatchway.vm.machine import Machine
from hatchway.vm.records import SpawnRequest
from hatchway.vm.sandbox.channel import Channel
from vm.running import Boot, run

_SERVER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.socket(family)
listener.bind((sys.argv[1], int(sys.argv[2])))
listener.listen()
print("listening", flush=True)
while True:
    connection, peer = listener.accept()
    connection.sendall(sys.argv[1].encode() + b" saw " + peer[0].encode())
    connection.close()
"""


async def _serve(machine: Machine, address: str, port: int) -> None:
    process = await machine.processes.spawn(["python3", "-c", _SERVER, address, str(port)], {}, None)
    await process.written.more()


async def _read_all(sock: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    received = b""
    with sock:
        while data := await loop.sock_recv(sock, 1000):
            received += data
    return received


@pytest.mark.sandbox
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
async def test_a_service_is_reached_at_any_local_address(machine: Machine, address: str) -> None:
    await _serve(machine, address, 3000)
    assert await _read_all(await machine.dial(3000)) == f"{address} saw 127.0.0.1".encode().replace(
        b"::1 saw 127.0.0.1", b"::1 saw ::1"
    ).replace(b":: saw 127.0.0.1", b":: saw ::ffff:127.0.0.1")


@pytest.mark.sandbox
async def test_ipv4_comes_before_ipv6(machine: Machine) -> None:
    await _serve(machine, "::1", 3000)
    await _serve(machine, "127.0.0.1", 3000)
    assert await _read_all(await machine.dial(3000)) == b"127.0.0.1 saw 127.0.0.1"


@pytest.mark.sandbox
async def test_a_closed_port(machine: Machine) -> None:
    with pytest.raises(Unavailable) as caught:
        await machine.dial(3000)
    assert (caught.value.code, caught.value.status) == ("port_closed", 502)
    assert "3000" in caught.value.message


@pytest.mark.sandbox
async def test_the_same_port_of_two_vms(boot: Boot) -> None:
    first, second = await boot(), await boot()
    await _serve(first, "127.0.0.1", 3000)
    await _serve(second, "0.0.0.0", 3000)
    answers = [await _read_all(await machine.dial(3000)) for machine in (first, second, first)]
    assert [answer.split()[0] for answer in answers] == [b"127.0.0.1", b"0.0.0.0", b"127.0.0.1"]


@pytest.mark.sandbox
async def test_many_connections_at_once(machine: Machine) -> None:
    await _serve(machine, "127.0.0.1", 3000)
    sockets = await asyncio.gather(*(machine.dial(3000) for _ in range(100)))
    assert {await _read_all(sock) for sock in sockets} == {b"127.0.0.1 saw 127.0.0.1"}


@pytest.mark.sandbox
async def test_a_backlog_that_is_full_is_no_hang(machine: Machine) -> None:
    program = _SERVER.replace("listener.listen()", "listener.listen(0)").replace(
        "while True:", "import time\ntime.sleep(1000)\nwhile True:"
    )
    process = await machine.processes.spawn(["python3", "-c", program, "127.0.0.1", "3000"], {}, None)
    await process.written.more()
    kept: list[socket.socket] = []

    async def dial_until_refused() -> None:
        while len(kept) < 10:
            kept.append(await machine.dial(3000, connect_seconds=0.2))

    with pytest.raises(Unavailable) as caught:
        await dial_until_refused()
    for sock in kept:
        sock.close()
    assert (caught.value.code, caught.value.status) == ("port_not_answering", 504)


@pytest.mark.sandbox
async def test_a_vm_that_has_ended_cannot_be_dialled(machine: Machine) -> None:
    await machine.spawn(SpawnRequest("sleep", ["1000"]))
    await machine.stop()
    with pytest.raises(Unavailable, match="has stopped"):
        await machine.dial(3000)
    assert not machine.is_running


@pytest.mark.sandbox
async def test_cancelled_dials_leave_nothing(machine: Machine) -> None:
    await run(machine, "true")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(30):
        task = asyncio.create_task(machine.dial(3000))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await run(machine, "true")  # whatever was under way has been answered by now
    assert len(os.listdir("/proc/self/fd")) <= before + 4  # those fetched ahead


@pytest.fixture
async def hostile() -> AsyncIterator[tuple[Dialer, Callable[[list[int]], asyncio.Task[None]]]]:
    """A dialer whose guest answers a request for sockets with any fds."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = Channel(ours, lambda _pid, _status: None)
    dialer = Dialer(channel, [])
    theirs.setblocking(False)

    async def answer(fds: list[int]) -> None:
        request = json.loads(await asyncio.get_running_loop().sock_recv(theirs, 10_000))
        socket.send_fds(theirs, [json.dumps({"op": "done", "id": request["id"]}).encode()], fds)

    yield dialer, lambda fds: asyncio.create_task(answer(fds))
    dialer.close()
    theirs.close()
    channel.kill()
    await channel.wait_ended()


async def test_a_listener_that_closes_while_it_is_dialled_is_none(
    hostile: tuple[Dialer, Callable[[list[int]], asyncio.Task[None]]],
) -> None:
    dialer, _ = hostile
    with socket.socket() as sock, socket.create_server(("127.0.0.1", 0)) as listener:
        sock.setblocking(False)
        assert sock.connect_ex(listener.getsockname()) == errno.EINPROGRESS
        address = listener.getsockname()
        listener.close()  # which resets what nobody has accepted
        assert await dialer._connect(sock, address, 5) is False


@pytest.mark.parametrize(
    "make",
    [
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM),
        lambda: open("/dev/null"),  # noqa: SIM115 - closed by the test
    ],
    ids=["datagram", "unix", "ipv6", "no socket"],
)
async def test_any_other_fd_is_refused(
    hostile: tuple[Dialer, Callable[[list[int]], asyncio.Task[None]]], make: Callable[[], socket.socket]
) -> None:
    dialer, answer = hostile
    with make() as thing:
        answering = answer([thing.fileno()])
        with pytest.raises(Unavailable) as caught:
            await dialer._fetch_one(socket.AF_INET)
        await answering
    assert caught.value.code == "vm_failed"


async def test_a_socket_of_another_network_namespace_is_refused(
    hostile: tuple[Dialer, Callable[[list[int]], asyncio.Task[None]]],
) -> None:
    dialer, answer = hostile
    dialer._cookie = b"another!"
    with socket.socket() as of_the_host:
        answering = answer([of_the_host.fileno()])
        with pytest.raises(Unavailable):
            await dialer._fetch_one(socket.AF_INET)
        await answering


@pytest.mark.parametrize("count", [0, 2])
async def test_a_wrong_number_of_sockets_is_refused(
    hostile: tuple[Dialer, Callable[[list[int]], asyncio.Task[None]]], count: int
) -> None:
    dialer, answer = hostile
    with socket.socket() as sock:
        answering = answer([sock.fileno()] * count)
        with pytest.raises(Unavailable):
            await dialer._fetch_one(socket.AF_INET)
        await answering
