"""Streams in which nothing moves, clients that do not read to the end, and how many connections a service gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.conftest import Rig, until
from gateway.zoo import Conversation, answers, ok
from hatchway.gateway.limits import GatewayLimits

UPGRADE = ("Connection: Upgrade", "Upgrade: websocket")


async def begins(conversation: Conversation) -> None:
    """Begins an answer and says no more."""
    await conversation.head()
    await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun")
    await conversation.rest()


async def upgrades(conversation: Conversation) -> None:
    await conversation.head()
    await conversation.send(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    await conversation.rest()


async def reads(conversation: Conversation) -> None:
    """Reads a request, however long it takes."""
    await conversation.rest()


class TestNothingMoves:
    @pytest.fixture
    def limits(self, limits: GatewayLimits) -> GatewayLimits:
        return replace(limits, stream_idle_seconds=0.05)

    async def test_an_answer_is_cut_with_a_reset(self, rig: Rig) -> None:
        upstream = await rig.upstream(begins)
        client = await rig.client()
        client.send(rig.request())
        await client.until(b"begun")
        assert not await client.ended()
        await upstream.until(lambda: upstream.ended == 1)

    async def test_an_upload_is_refused(self, rig: Rig) -> None:
        upstream = await rig.upstream(reads)
        client = await rig.client()
        client.send(rig.request("POST / HTTP/1.1", "Content-Length: 9", body=b"half"))
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"request_stalled" in body
        await upstream.until(lambda: upstream.ended == 1)

    async def test_a_tunnel_is_closed_and_told(self, rig: Rig) -> None:
        upstream = await rig.upstream(upgrades)
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.1", *UPGRADE))
        await client.head()
        frame = await client.rest()
        assert frame[2:4] == (1001).to_bytes(2, "big")
        await upstream.until(lambda: upstream.ended == 1)

    async def test_waiting_for_an_answer_is_another_limit(self, limits: GatewayLimits, rig: Rig) -> None:
        """A quiet service that has yet to answer is under `answer_seconds` alone."""
        upstream = await rig.upstream(reads)
        client = await rig.client()
        client.send(rig.request())
        await upstream.until(lambda: bool(upstream.conversations))
        (connection,) = rig.gateway.connections
        await until(lambda: connection.deadline != float("inf"))
        assert connection.deadline - rig.gateway.pool.now > limits.stream_idle_seconds * 100


async def test_by_default_a_stream_may_be_quiet_for_as_long_as_a_preview_lives() -> None:
    assert GatewayLimits().stream_idle_seconds >= 86400


class TestTheEndOfAnAnswer:
    SIZE = 500_000

    @pytest.fixture
    def limits(self, limits: GatewayLimits) -> GatewayLimits:
        return replace(limits, idle_seconds=0.2)

    @pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
    async def test_is_not_kept_for_a_client_that_does_not_read_it(self, rig: Rig, close: bytes) -> None:
        await rig.upstream(answers(ok(b"x" * self.SIZE, close)))
        client = await rig.client_behind()
        await until(lambda: not rig.gateway.connections)
        assert not await client.ended()

    async def test_is_kept_for_one_that_reads_slowly(self, rig: Rig) -> None:
        await rig.upstream(answers(ok(b"x" * self.SIZE)))
        client = await rig.client_behind()
        (connection,) = rig.gateway.connections
        taken = 0
        for _ in range(4):  # each time its time is up, it has taken a little more
            taken += len(await client.exactly(50_000))
            before = connection.deadline
            await until(lambda before=before: connection.deadline > before)  # type: ignore[misc]
        assert await client.exactly(self.SIZE - taken) == b"x" * (self.SIZE - taken)


class TestTooManyConnections:
    @pytest.fixture
    def limits(self, limits: GatewayLimits) -> GatewayLimits:
        return replace(limits, pool_connections=2)

    async def test_are_refused_until_one_ends(self, rig: Rig) -> None:
        upstream = await rig.upstream(upgrades)
        clients = []
        for _ in range(2):
            client = await rig.client()
            client.send(rig.request("GET / HTTP/1.1", *UPGRADE))
            assert (await client.head()).startswith(b"HTTP/1.1 101 ")
            clients.append(client)
        head, body = await rig.ask(rig.request())
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in head
        assert b"too_many_connections" in body
        clients[0].close()
        await upstream.until(lambda: upstream.ended == 1)
        await until(lambda: len(rig.gateway.tunnels) == 1)
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.1", *UPGRADE))
        assert (await client.head()).startswith(b"HTTP/1.1 101 ")

    async def test_of_another_port_are_not_meant(self, rig: Rig) -> None:
        await rig.upstream(upgrades)
        for _ in range(2):
            client = await rig.client()
            client.send(rig.request("GET / HTTP/1.1", *UPGRADE))
            await client.head()
        token = "y" * 32
        await rig.upstream(answers(ok()), port=4000, token=token)
        assert (await rig.ask(rig.request(host=f"{token}.localhost")))[0].startswith(b"HTTP/1.1 200 ")

    async def test_unused_ones_are_used_and_not_counted_twice(self, rig: Rig) -> None:
        await rig.upstream(answers(ok()))
        for _ in range(5):
            assert (await rig.ask(rig.request()))[0].startswith(b"HTTP/1.1 200 ")
        assert len(rig.gateway.pool.open) == 1
