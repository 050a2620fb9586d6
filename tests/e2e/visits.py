"""What a visitor must find at the preview of a zoo, whatever stands between: checks that several tests share."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from e2e.bodies import LARGE, sha256_of_blocks, stream_of_blocks
from e2e.visitor import Visitor
from e2e.waiting import BOUND_SECONDS, eventually
from hatchway import Agent, Preview


async def large_bodies_are_whole(visitor: Visitor, preview: Preview) -> None:
    """Up, and down and up again."""
    whole = {"bytes": LARGE, "sha256": sha256_of_blocks(LARGE)}
    uploaded = await visitor.http.put(f"{preview.url}hash", content=stream_of_blocks(LARGE))
    assert uploaded.json() == whole
    async with visitor.http.stream("GET", f"{preview.url}bytes?n={LARGE}&length") as answer:
        again = await visitor.http.put(f"{preview.url}hash", content=answer.aiter_raw())
    assert again.json() == whole


async def an_event_arrives_before_the_stream_ends(visitor: Visitor, agent: Agent, preview: Preview) -> None:
    async with visitor.http.stream("GET", f"{preview.url}events") as answer:
        events = answer.aiter_raw()
        assert await anext(events) == b"data: first\n\n"
        await agent.vm_fetch(3000, "/finish")
        assert await anext(events) == b"data: last\n\n"


async def leaving_is_noticed(visitor: Visitor, agent: Agent, preview: Preview) -> None:
    """By the service, while it has nothing to say."""
    async with visitor.http.stream("GET", f"{preview.url}events?left") as answer:
        assert await anext(answer.aiter_raw()) == b"data: first\n\n"

    async def noticed() -> bool:
        return bool((await agent.vm_fetch(3000, "/closed")).json() == ["/events?left"])

    await eventually(noticed, "the service notices that its visitor has gone")


async def a_websocket_echoes(visitor: Visitor, preview: Preview) -> None:
    socket = await visitor.socket(f"{preview.url}socket")
    for message in ("hello", b"\0\xff" * 100, "x" * 70_000):
        await socket.send(message)
        assert await socket.recv() == message
    await socket.close()
    assert socket.close_code == 1000


async def revocation_cuts(
    visitor: Visitor, agent: Agent, preview: Preview, *, ends: tuple[type[Exception], ...] = ()
) -> None:
    """What is open under `preview`, and nothing else.

    Args:
        ends: how else than broken off an answer may end for this visitor.
    """
    kept = await agent.create_signed_preview_url(3000)
    socket, other = [await visitor.socket(f"{each.url}socket") for each in (preview, kept)]
    async with visitor.http.stream("GET", f"{preview.url}events") as answer:
        events = answer.aiter_raw()
        assert await anext(events) == b"data: first\n\n"
        assert await agent.expire_signed_preview_url(preview.token)
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, *ends)):
            await anext(events)
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(socket.recv(), BOUND_SECONDS)
    assert socket.close_code == 1008
    await other.send("still there")
    assert await other.recv() == "still there"
    await other.close()
    assert (await visitor.http.get(preview.url)).status_code == 403
