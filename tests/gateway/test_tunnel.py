"""Upgrades: WebSocket and any other protocol, byte for byte, with back-pressure, half-close and a polite end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from gateway.conftest import TOKEN, Rig, until
from gateway.test_exchange import MEGABYTE, settled
from gateway.zoo import Conversation, answers, ok

UPGRADE = ("Connection: keep-alive, Upgrade", "Upgrade: raw")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"


async def raw_echo(conversation: Conversation) -> None:
    await conversation.head()
    await conversation.send(SWITCH)
    while data := await conversation.some():
        await conversation.send(data)


class TestRaw:
    async def test_bytes_pass_both_ways(self, rig: Rig) -> None:
        upstream = await rig.upstream(raw_echo)
        client = await rig.client()
        client.send(rig.request("GET /chat HTTP/1.1", *UPGRADE))
        assert await client.head() == SWITCH.replace(
            b"Connection: Upgrade\r\nUpgrade: raw", b"Upgrade: raw\r\nConnection: upgrade"
        )
        assert b"\r\nConnection: upgrade\r\nUpgrade: raw\r\n" in upstream.received
        everything = bytes(range(256)) * 1000
        client.send(everything)
        assert await client.exactly(len(everything)) == everything

    async def test_what_either_side_sends_early_is_not_lost(self, rig: Rig) -> None:
        async def eager(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(SWITCH + b"first")
            await conversation.send(await conversation.exactly(5))
            await conversation.rest()

        await rig.upstream(eager)
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.1", *UPGRADE) + b"early")
        await client.head()
        assert await client.exactly(10) == b"firstearly"

    async def test_half_close(self, rig: Rig) -> None:
        async def after_the_end(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(SWITCH)
            await conversation.send(b"you said " + await conversation.rest())

        await rig.upstream(after_the_end)
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.1", *UPGRADE))
        await client.head()
        client.send(b"this")
        client.writer.write_eof()
        assert await client.rest() == b"you said this"

    async def test_the_services_half_close(self, rig: Rig) -> None:
        async def ends_first(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(SWITCH)
            conversation.writer.write_eof()
            await conversation.rest()

        upstream = await rig.upstream(ends_first)
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.1", *UPGRADE))
        await client.head()
        assert await client.rest() == b""
        client.send(b"still here")
        client.writer.write_eof()
        await upstream.until(lambda: upstream.ended == 1)
        assert upstream.received.endswith(b"still here")

    @pytest.mark.parametrize("who", ["client", "service"])
    async def test_the_end_of_one_side_is_the_end_of_the_other(self, rig: Rig, who: str) -> None:
        leave = asyncio.Event()

        async def leaves(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(SWITCH)
            if who == "service":
                await leave.wait()
                conversation.reset()
            await conversation.rest()

        upstream = await rig.upstream(leaves)
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.1", *UPGRADE))
        await client.head()
        if who == "client":
            client.close()
            await upstream.until(lambda: upstream.ended == 1)
        else:
            leave.set()
            await client.ended()
        await until(lambda: not (rig.gateway.tunnels))

    async def test_a_slow_client_stops_the_service(self, rig: Rig) -> None:
        sent = 0

        async def fast(conversation: Conversation) -> None:
            nonlocal sent
            await conversation.head()
            await conversation.send(SWITCH)
            for _ in range(64):
                await conversation.send(bytes(MEGABYTE))
                sent += 1

        await rig.upstream(fast)
        client = await rig.client(receive_buffer=4096)
        client.send(rig.request("GET / HTTP/1.1", *UPGRADE))
        await client.head()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        assert await settled(lambda: sent) < 32
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await client.rest()) == 64 * MEGABYTE

    async def test_the_end_of_the_grant_is_a_reset_where_it_cannot_be_said(self, rig: Rig) -> None:
        upstream = await rig.upstream(raw_echo)
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.1", *UPGRADE))
        await client.head()
        client.send(b"x")
        await client.exactly(1)
        await rig.gateway.close_grant(rig.grant.id)
        assert not await client.ended()
        await upstream.until(lambda: upstream.ended == 1)

    async def test_a_close_frame_never_lands_within_another(self, rig: Rig) -> None:
        async def half_a_frame(conversation: Conversation) -> None:
            await conversation.head()
            await conversation.send(SWITCH.replace(b"raw", b"websocket") + b"\x82\x05hel")
            await conversation.rest()

        await rig.upstream(half_a_frame)
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.1", "Connection: upgrade", "Upgrade: websocket"))
        await client.head()
        assert await client.exactly(5) == b"\x82\x05hel"
        await rig.gateway.close_grant(rig.grant.id)
        assert not await client.ended()

    async def test_a_refused_upgrade_is_an_ordinary_answer(self, rig: Rig) -> None:
        await rig.upstream(
            answers(
                b"HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: other\r\n"
                b"Content-Length: 2\r\n\r\nno",
                ok(),
            )
        )
        client = await rig.client()
        client.send(rig.request("GET / HTTP/1.1", *UPGRADE))
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 426 ")
        assert b"\r\nUpgrade: other\r\n" in head
        assert body == b"no"
        client.send(rig.request())
        assert (await client.answer())[1] == b"ok"

    @pytest.mark.parametrize(
        "fields",
        [
            ("Upgrade: raw",),
            ("Connection: upgrade",),
            (
                "Connection: upgrade, http2-settings",
                "Upgrade: h2c",
                "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
            ),
        ],
    )
    async def test_what_is_no_upgrade_is_not_passed_on_as_one(
        self, rig: Rig, fields: tuple[str, ...]
    ) -> None:
        upstream = await rig.upstream(answers(ok()))
        await rig.ask(rig.request("GET / HTTP/1.1", *fields))
        assert b"upgrade" not in upstream.received.lower()
        assert b"http2" not in upstream.received.lower()


class TestWebSocket:
    @pytest.fixture
    async def service(self, rig: Rig) -> AsyncIterator[list[ServerConnection]]:
        """A real WebSocket server that echoes; the connections it accepted."""
        accepted: list[ServerConnection] = []

        async def handler(socket: ServerConnection) -> None:
            accepted.append(socket)
            async for message in socket:
                if message == "close":
                    await socket.close(4321, "as you wish")
                else:
                    await socket.send(message)

        async with serve(handler, "127.0.0.1", 0, subprotocols=[Subprotocol("vite-hmr")]) as server:
            rig.backend.listen("vm1", 3000, next(iter(server.sockets)).getsockname())
            rig.grant = rig.backend.add_preview(TOKEN, "vm1", 3000)
            yield accepted

    def connect(self, rig: Rig) -> connect:
        return connect(
            f"ws://{rig.authority}/socket",
            host="127.0.0.1",
            port=rig.port,
            proxy=None,
            subprotocols=[Subprotocol("vite-hmr")],
            additional_headers={"X-Mine": "kept"},
            origin=Origin(f"http://{rig.authority}"),
        )

    async def test_text_binary_fragments_subprotocol_and_close_code(
        self, rig: Rig, service: list[ServerConnection]
    ) -> None:
        async with self.connect(rig) as socket:
            assert socket.subprotocol == "vite-hmr"
            for message in ("text ✓", b"\x00\xff" * 100_000, ""):
                await socket.send(message)
                assert await socket.recv() == message
            await socket.send(["in ", "two ", "fragments"])
            assert await socket.recv() == "in two fragments"
            await socket.send("close")
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4321, "as you wish")
        request = service[0].request
        assert request is not None
        assert request.headers["Host"] == "localhost:3000"
        assert request.headers["Origin"] == "http://localhost:3000"
        assert request.headers["X-Mine"] == "kept"

    async def test_the_end_of_the_grant_is_a_1008(self, rig: Rig, service: list[ServerConnection]) -> None:
        async with self.connect(rig) as socket:
            await socket.send("hello")
            await socket.recv()
            assert await rig.gateway.close_grant(rig.grant.id) == 1
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008
        await service[0].wait_closed()

    async def test_the_gateways_stop_is_a_1001(self, rig: Rig, service: list[ServerConnection]) -> None:
        async with self.connect(rig) as socket:
            await socket.send("hello")
            await socket.recv()
            stopping = asyncio.create_task(rig.gateway.stop(5.0))
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            await stopping
