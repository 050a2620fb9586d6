"""A peer that vanishes after each byte: nothing stays behind, and nothing truncated looks whole."""

from __future__ import annotations

import asyncio

import pytest

from gateway.conftest import Client, Rig, until
from gateway.zoo import Conversation, answers_and_closes, echo, ok

UPLOAD = b"3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n"
ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "chunks": b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + UPLOAD,
}


def quiet(rig: Rig) -> bool:
    """Nothing of any exchange is left, but unused connections."""
    busy = [one for one in rig.gateway.pool.open if getattr(one, "exchange", None) is not None]
    return not rig.gateway.connections and not busy and not rig.gateway._tasks


async def test_a_client_that_vanishes_after_each_byte_of_its_request(rig: Rig) -> None:
    await rig.upstream(echo)
    request = rig.request("POST /x HTTP/1.1", "Transfer-Encoding: chunked", body=UPLOAD)
    for cut in range(len(request) + 1):
        client = await rig.client()
        client.send(request[:cut])
        if cut % 2:
            client.close()
        else:
            client.writer.close()
        await until(lambda: quiet(rig))
    _, body = await rig.ask(request)
    assert body.endswith(b"5\r\nabcde\r\n0\r\nX: y\r\n\r\n")


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("reset", [False, True])
async def test_a_service_that_vanishes_after_each_byte_of_its_answer(
    rig: Rig, kind: str, reset: bool
) -> None:
    wire = ANSWERS[kind]

    async def vanishes(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.send(wire[:cut])
        if reset:
            await arrived(rig, cut)
            conversation.reset()

    cut = 0
    upstream = await rig.upstream(vanishes)
    for cut in range(len(wire)):
        client = await rig.client()
        client.send(rig.request())
        assert not await whole_answer(client), cut
        client.close()
        await until(lambda: quiet(rig))
    upstream.script = answers_and_closes(wire)
    client = await rig.client()
    client.send(rig.request())
    assert await whole_answer(client)


async def arrived(rig: Rig, cut: int) -> None:
    """Gives the bytes a few turns to arrive: a reset may overtake them, which is a shorter cut."""
    for _ in range(10):
        await asyncio.sleep(0)


async def whole_answer(client: Client) -> bool:
    """Whether a 200 comes that its framing says is complete."""
    try:
        head = await client.head()
        while head.startswith(b"HTTP/1.1 1"):
            head = await client.head()
        if not head.startswith(b"HTTP/1.1 200 "):
            assert head.startswith(b"HTTP/1.1 502 ")
            return False
        if b"Content-Length" in head:
            await client.exactly(5)
        else:
            await client.until(b"0\r\nX: y\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    return True


async def test_a_client_that_vanishes_after_each_byte_of_its_answer(rig: Rig) -> None:
    sent = asyncio.Event()

    async def stops_and_waits(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.send(wire[:cut])
        sent.set()
        assert await conversation.rest() == b""

    wire = ANSWERS["chunks"]
    cut = 0
    upstream = await rig.upstream(stops_and_waits)
    for cut in range(len(wire)):  # noqa: B007 - the script looks at it
        sent.clear()
        client = await rig.client()
        client.send(rig.request())
        await sent.wait()
        client.close()
        await until(lambda: quiet(rig))
    await upstream.until(lambda: upstream.ended == len(wire))
    upstream.script = echo
    assert (await rig.ask(rig.request()))[0].startswith(b"HTTP/1.1 200 ")


async def test_many_clients_that_vanish_at_once_leave_one_working_gateway(rig: Rig) -> None:
    await rig.upstream(echo)
    clients = [await rig.client() for _ in range(50)]
    for n, client in enumerate(clients):
        client.send(rig.request("POST / HTTP/1.1", "Content-Length: 9", body=b"x" * (n % 10)))
    for client in clients:
        client.close()
    await until(lambda: quiet(rig))
    head, _ = await rig.ask(rig.request())
    assert head.startswith(ok()[:15])
