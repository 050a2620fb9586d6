"""Many clients at once before a service that breaks in every way it can: whoever gets an answer gets their own."""

from __future__ import annotations

import asyncio
import random

import pytest

from gateway.conftest import Client, Rig, until
from gateway.test_cancellation import quiet
from gateway.zoo import Conversation

CLIENTS, REQUESTS = 12, 25


class Moody:
    """Answers with the number that was asked for, and is moody about all else."""

    def __init__(self, source: random.Random) -> None:
        self.source = source

    async def __call__(self, conversation: Conversation) -> None:
        source = self.source
        while True:
            head = await conversation.head()
            body = head.split(b" ", 2)[1]
            if b"Content-Length: 6\r\n" in head:
                assert b"/" + await conversation.exactly(6) == body
            mood = source.random()
            if mood < 0.05:
                conversation.reset()
                return
            if mood < 0.1:
                return
            wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            if mood < 0.3:
                wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (
                    len(body),
                    body,
                )
            elif mood < 0.4:
                await conversation.send(b"HTTP/1.1 200 OK\r\n\r\n" + body)
                return
            elif mood < 0.5:
                wire += b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
            elif mood < 0.6:
                cut = source.randrange(len(wire))
                await conversation.send(wire[:cut])
                if source.random() < 0.5:
                    conversation.reset()
                return
            step = source.choice((7, len(wire)))
            for at in range(0, len(wire), step):
                await conversation.send(wire[at : at + step])
                await asyncio.sleep(0)
            if source.random() < 0.1:
                return  # without having said so


async def read(client: Client) -> tuple[bytes, bytes]:
    """The status and the decoded body of one answer."""
    head = await client.head()
    lowered = head.lower()
    if b"transfer-encoding: chunked" in lowered:
        body = b""
        while size := int((await client.until(b"\r\n")), 16):
            body += (await client.exactly(size + 2))[:-2]
        await client.until(b"\r\n")
    else:
        length = lowered.partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await client.exactly(int(length))
    return head.split(b" ")[1], body


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_gets_an_answer_gets_their_own(rig: Rig, seed: int) -> None:
    source = random.Random(seed)
    await rig.upstream(Moody(source))
    own = broken = refused = 0

    async def ask(number: int) -> None:
        nonlocal own, broken, refused
        client = await rig.client()
        for turn in range(REQUESTS):
            name = f"{number:02}-{turn:03}"
            body = name.encode() if source.random() < 0.3 else b""
            fields = (f"Content-Length: {len(body)}",) if body else ()
            client.send(rig.request(f"{'POST' if body else 'GET'} /{name} HTTP/1.1", *fields, body=body))
            if source.random() < 0.1:
                client.close()  # leaves an answer on its way
                client = await rig.client()
                continue
            try:
                status, answer = await read(client)
            except (ConnectionError, asyncio.IncompleteReadError):
                broken += 1
                client = await rig.client()
                continue
            if status == b"200":
                assert answer == f"/{name}".encode()
                own += 1
            else:
                assert status == b"502"
                refused += 1
        client.close()

    await asyncio.gather(*map(ask, range(CLIENTS)))
    assert own > CLIENTS * REQUESTS // 3
    assert broken + refused > 0
    await until(lambda: quiet(rig))
