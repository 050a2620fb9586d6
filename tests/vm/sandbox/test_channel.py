"""The server's end of the conversation, against a guest end that says anything at all."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator

import pytest

from hatchway.errors import Unavailable
from hatchway.vm.sandbox.channel import Channel, GuestRefusal


class Peer:
    """The guest's end, in the test's hands; a child process stands for guest init."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def say(self, message: object, fds: tuple[int, ...] = ()) -> None:
        self.sock.setblocking(True)
        socket.send_fds(self.sock, [json.dumps(message).encode()], list(fds))

    async def hear(self) -> dict[str, object]:
        self.sock.setblocking(False)
        message: dict[str, object] = json.loads(
            await asyncio.get_running_loop().sock_recv(self.sock, 200_000)
        )
        return message


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Channel, Peer, list[tuple[int, int]]]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    exits: list[tuple[int, int]] = []
    channel = Channel(ours, lambda pid, status: exits.append((pid, status)))
    yield channel, Peer(theirs), exits
    theirs.close()
    channel.kill()
    await channel.wait_ended()


Pair = tuple[Channel, Peer, list[tuple[int, int]]]


@pytest.mark.parametrize("order", [["started", "ready"], ["ready", "started"]])
async def test_started_and_ready_come_in_either_order(pair: Pair, order: list[str]) -> None:
    channel, peer, _ = pair
    child = await asyncio.create_subprocess_exec("sleep", "1000")
    pidfd = os.pidfd_open(child.pid)
    with socket.socket() as sock:
        fds = {"started": (pidfd,), "ready": (sock.fileno(), sock.fileno())}
        for op in order:
            peer.say({"op": op, "pid": child.pid}, fds[op])
        sockets = await channel.launched()
    os.close(pidfd)
    assert channel.pid == child.pid
    assert len(sockets) == 2
    for fd in sockets:
        os.close(fd)
    channel.kill()
    await channel.wait_ended()
    assert await child.wait() == -9


async def test_a_failed_launch_names_the_step(pair: Pair) -> None:
    channel, peer, _ = pair
    peer.say({"op": "failed", "step": "mount the root", "errno": 1, "reason": "Operation not permitted"})
    with pytest.raises(Unavailable, match="could not mount the root") as caught:
        await channel.launched()
    assert caught.value.code == "vm_boot_failed"


async def test_a_guest_that_goes_away_before_it_is_ready(pair: Pair) -> None:
    channel, peer, _ = pair
    peer.sock.close()
    with pytest.raises(Unavailable):
        await channel.launched()
    await channel.wait_ended()


async def test_answers_find_their_requests(pair: Pair) -> None:
    channel, peer, _ = pair
    first, second = (asyncio.create_task(channel.request(op)) for op in ("one", "two"))
    heard = [await peer.hear(), await peer.hear()]
    peer.say({"op": "done", "id": heard[1]["id"], "pid": 2})
    peer.say({"op": "done", "id": heard[0]["id"], "pid": 1})
    assert (await first)[0].pid == 1
    assert (await second)[0].pid == 2


async def test_a_refusal(pair: Pair) -> None:
    channel, peer, _ = pair
    task = asyncio.create_task(channel.request("open"))
    peer.say({"op": "error", "id": (await peer.hear())["id"], "errno": 2, "what": "cwd"}, (0,))
    with pytest.raises(GuestRefusal) as caught:
        await task
    assert (caught.value.number, caught.value.what) == (2, "cwd")


async def test_an_exit_right_behind_the_answer_finds_what_the_answer_made(pair: Pair) -> None:
    channel, peer, exits = pair
    made: list[int] = []

    def take(answer: object, _fds: list[int]) -> int:
        assert exits == []
        made.append(1)
        return 7

    task = asyncio.create_task(channel.request_and_take("spawn", take, lambda _: None))
    request_id = (await peer.hear())["id"]
    peer.say({"op": "done", "id": request_id, "pid": 7})
    peer.say({"op": "exited", "pid": 7, "status": 0})
    assert await task == 7
    assert (made, exits) == ([1], [(7, 0)])


@pytest.mark.parametrize("answered_first", [True, False])
async def test_a_cancelled_request_is_undone(pair: Pair, answered_first: bool) -> None:
    channel, peer, _ = pair
    undone: list[int] = []
    task = asyncio.create_task(channel.request_and_take("spawn", lambda answer, _: answer.pid, undone.append))
    request_id = (await peer.hear())["id"]
    if answered_first:
        peer.say({"op": "done", "id": request_id, "pid": 7})
        peer.say({"op": "exited", "pid": 1, "status": 0})
        channel._read()
        task.cancel()
    else:
        task.cancel()
        await asyncio.wait([task])
        peer.say({"op": "done", "id": request_id, "pid": 7})
        channel._read()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert undone == [7]


async def test_fds_that_nobody_asked_for_are_closed(pair: Pair) -> None:
    channel, peer, exits = pair
    before = len(os.listdir("/proc/self/fd"))
    for message in ({"op": "done", "id": 99}, {"op": "exited", "pid": 1, "status": 0}, {"op": "what"}):
        peer.say(message, (0, 1, 2))
    channel._read()
    assert exits == [(1, 0)]
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    "data", [b"nonsense", b"[]", b'{"op": 1}', b"{}", b'{"op": "done", "id": "x"}', b"\xff" * 1000]
)
async def test_nonsense_ends_the_vm(pair: Pair, data: bytes) -> None:
    channel, peer, _ = pair
    task = asyncio.create_task(channel.request("open"))
    await peer.hear()
    peer.sock.setblocking(True)
    peer.sock.send(data)
    with pytest.raises(Unavailable):
        await task
    await channel.wait_ended()
    with pytest.raises(Unavailable, match="has stopped"):
        await channel.request("open")


async def test_a_guest_that_does_not_read_holds_nobody_up(pair: Pair) -> None:
    channel, peer, _ = pair
    tasks = [asyncio.create_task(channel.request("x", text="x" * 100_000)) for _ in range(50)]
    for _ in tasks:
        heard = await peer.hear()
        peer.say({"op": "done", "id": heard["id"]})
    answers = await asyncio.gather(*tasks)
    assert len(answers) == 50
