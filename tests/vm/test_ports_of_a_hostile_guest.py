"""What a guest may say of its ports, and what it must not."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from collections.abc import AsyncIterator

import pytest

from hatchway.errors import HatchwayError, Unavailable
from hatchway.vm.ports import read_ports
from hatchway.vm.records import ListeningPort
from hatchway.vm.sandbox.channel import Channel
from hatchway.vm.sandbox.guest_ports import MAX_COMMAND_BYTES, MAX_PORTS
from hatchway.vm.system_processes import MAX_PID


class Guest:
    """Answers what it is told to, with an fd that nobody asked for."""

    def __init__(self, channel: Channel, theirs: socket.socket) -> None:
        self._channel = channel
        self._theirs = theirs

    async def ask(self, **answer: object) -> list[ListeningPort]:
        """Ask it for its ports."""
        asking = asyncio.create_task(read_ports(self._channel))
        request = json.loads(await asyncio.get_running_loop().sock_recv(self._theirs, 100_000))
        assert request["op"] == "ports"
        said = {"op": "done", "id": request["id"], **answer}
        with open("/dev/null") as null:
            socket.send_fds(self._theirs, [json.dumps(said).encode()], [null.fileno()])
        return await asking


@pytest.fixture
async def guest() -> AsyncIterator[Guest]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    before = len(os.listdir("/proc/self/fd"))
    channel = Channel(ours, lambda _pid, _status: None)
    yield Guest(channel, theirs)
    assert len(os.listdir("/proc/self/fd")) <= before, "what came with the answer was closed"
    theirs.close()
    channel.kill()
    await channel.wait_ended()


def _port(port: object = 3000, command: bytes = b"node\0a.js\0", **fields: object) -> dict[str, object]:
    told = {"port": port, "address": "127.0.0.1", "family": 4, "pid": 7}
    return told | {"command": base64.b64encode(command).decode()} | fields


async def test_what_it_says_is_told(guest: Guest) -> None:
    assert await guest.ask(ports=[_port(), _port(1, b"", address="0:0::0", family=6, pid=0)]) == [
        ListeningPort(3000, "127.0.0.1", "ipv4", 7, (b"node", b"a.js")),
        ListeningPort(1, "::", "ipv6", None, ()),
    ]
    assert await guest.ask(ports=[]) == []
    assert await guest.ask() == []
    assert len(await guest.ask(ports=[_port()] * MAX_PORTS)) == MAX_PORTS


@pytest.mark.parametrize(
    "ports",
    [
        [_port(0)],
        [_port(-1)],
        [_port(65536)],
        [_port(2**70)],
        [_port("3000")],
        [_port(True)],
        [_port(), _port(0)],
        [_port(address="localhost")],
        [_port(address="")],
        [_port(address="::1")],
        [_port(address="127.0.0.1", family=6)],
        [_port(address="\x1b[2J")],
        [_port(address="fe80::1%\x1b[2J", family=6)],
        [_port(address="fe80::1%eth0", family=6)],
        [_port(family=5)],
        [_port(family="ipv4")],
        [_port(pid=-1)],
        [_port(pid=MAX_PID + 1)],
        [_port(pid=None)],
        [_port(command=bytes(MAX_COMMAND_BYTES + 1))],
        [_port() | {"command": "no base64"}],
        [_port()] * (MAX_PORTS + 1),
        [{"port": 3000}],
        [3000],
        "all of them",
        None,
    ],
)
async def test_a_wrong_answer_is_none(guest: Guest, ports: object) -> None:
    with pytest.raises(Unavailable) as caught:
        await guest.ask(ports=ports)
    assert caught.value.code in {"vm_failed", "vm_stopped"}


async def test_a_guest_that_refuses(guest: Guest) -> None:
    with pytest.raises(HatchwayError) as caught:
        await guest.ask(op="error", errno=12)
    assert caught.value.code == "vm_failed"
