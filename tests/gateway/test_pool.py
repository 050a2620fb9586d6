"""Unused connections: how long and how many."""

from __future__ import annotations

import asyncio

import pytest

from gateway.conftest import Rig, until
from gateway.zoo import Conversation, answers, ok
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.seam import CONTROL_API, Upstream


class TestLimits:
    @pytest.fixture
    def limits(self) -> GatewayLimits:
        return GatewayLimits(pool_idle_seconds=0.05, pool_idle_connections=2, timer_seconds=0.02)

    async def test_an_unused_connection_is_closed_after_a_while(self, rig: Rig) -> None:
        upstream = await rig.upstream(answers(ok()))
        await rig.ask(rig.request())
        await upstream.until(lambda: upstream.ended == 1)
        assert not rig.gateway.pool.open

    async def test_no_more_than_so_many_are_kept(self, rig: Rig) -> None:
        together = asyncio.Barrier(5)

        async def at_once(conversation: Conversation) -> None:
            await conversation.head()
            await together.wait()
            await conversation.send(ok())
            await conversation.rest()

        upstream = await rig.upstream(at_once)
        await asyncio.gather(*(rig.ask(rig.request()) for _ in range(5)))
        await upstream.until(lambda: upstream.ended >= 3)


async def test_what_cannot_be_repeated_takes_only_a_connection_used_a_moment_ago(rig: Rig) -> None:
    upstream = await rig.upstream(answers(ok()))
    post = rig.request("POST / HTTP/1.1", "Content-Length: 0")
    await rig.ask(post)
    await rig.ask(post)
    assert len(upstream.conversations) == 1
    for connection in rig.gateway.pool.open:
        connection.idle_since -= 2.0  # type: ignore[union-attr]
    await rig.ask(rig.request())
    assert len(upstream.conversations) == 1
    for connection in rig.gateway.pool.open:
        connection.idle_since -= 2.0  # type: ignore[union-attr]
    await rig.ask(post)
    assert len(upstream.conversations) == 2


async def test_a_connection_that_the_service_closed_is_forgotten(rig: Rig) -> None:
    upstream = await rig.upstream(answers(ok()))
    await rig.ask(rig.request())
    upstream.conversations[0].close()
    await until(lambda: not (rig.gateway.pool.open))
    await rig.ask(rig.request())
    assert len(upstream.conversations) == 2


async def test_forgetting_one_port(rig: Rig) -> None:
    upstream = await rig.upstream(answers(ok()))
    await rig.ask(rig.request())
    rig.gateway.pool.forget(Upstream("vm1", 3001))
    rig.gateway.pool.forget(CONTROL_API)
    await rig.ask(rig.request())
    assert len(upstream.conversations) == 1
    rig.gateway.pool.forget(Upstream("vm1", 3000))
    await rig.ask(rig.request())
    assert len(upstream.conversations) == 2


async def test_the_control_api_on_a_unix_socket(rig: Rig, tmp_path: object) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(ok(b"from a unix socket"))
        except asyncio.IncompleteReadError:
            writer.close()

    path = f"{tmp_path}/api.sock"
    server = await asyncio.start_unix_server(serve, path)
    rig.backend.serve_control(path)
    for _ in range(2):
        _, body = await rig.ask(
            rig.request("GET /x HTTP/1.1", "Hatchway-Token: secret-api-token", host="localhost")
        )
        assert body == b"from a unix socket"
    assert rig.backend.dialled == 1
    rig.gateway.pool.forget(CONTROL_API)
    server.close()
