"""Noise from either side: an answer of ours or the end of the connection, and the next request is served."""

from __future__ import annotations

import asyncio
import random

import pytest

from gateway.conftest import Rig, until
from gateway.test_cancellation import quiet
from gateway.zoo import Conversation, echo

PIECES = [
    b"GET ",
    b"POST ",
    b"/ ",
    b"/fetch/x/ ",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\x00",
    b"0",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: upgrade\r\n",
    b"Upgrade: websocket\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"hello",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 S\r\n",
    b"HTTP/1.1 304 N\r\n",
    b"HTTP/1.1 ",
    b"204",
]


def noise(source: random.Random) -> bytes:
    """Pieces of HTTP in some order, now and then with a flipped bit."""
    data = bytearray(b"".join(source.choices(PIECES, k=source.randrange(1, 14))))
    if source.random() < 0.3:
        data[source.randrange(len(data))] ^= 1 << source.randrange(8)
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
async def test_noise_from_clients(rig: Rig, seed: int) -> None:
    source = random.Random(seed)
    await rig.upstream(echo)
    for _ in range(100):
        client = await rig.client()
        head = rig.request("POST / HTTP/1.1")[:-2] if source.random() < 0.6 else b""
        client.send(head + noise(source))
        await asyncio.sleep(0)
        client.send(noise(source))
        client.writer.write_eof()
        await client.ended()
        client.close()
    await until(lambda: quiet(rig))
    assert (await rig.ask(rig.request()))[0].startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("seed", range(4))
async def test_noise_from_services(rig: Rig, seed: int) -> None:
    source = random.Random(seed)

    async def noisy(conversation: Conversation) -> None:
        await conversation.head()
        head = b"HTTP/1.1 200 OK\r\n" if source.random() < 0.6 else b""
        await conversation.send(head + noise(source))
        await asyncio.sleep(0)
        await conversation.send(noise(source))
        if source.random() < 0.3:
            conversation.reset()

    upstream = await rig.upstream(noisy)
    for turn in range(100):
        client = await rig.client()
        upgrade = ("Connection: upgrade", "Upgrade: websocket") if turn % 4 == 0 else ()
        client.send(rig.request("GET / HTTP/1.1", *upgrade))
        try:
            head = await client.head()
        except (asyncio.IncompleteReadError, ConnectionError):
            head = b"HTTP/1.1 "
        assert head.startswith(b"HTTP/1.1 ")
        client.close()
    await until(lambda: quiet(rig) and not rig.gateway.tunnels)
    upstream.script = echo
    assert (await rig.ask(rig.request()))[0].startswith(b"HTTP/1.1 200 ")
