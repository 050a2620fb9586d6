"""A preview through a tunnel from another port, as `ssh -L 7000:localhost:6420` makes one (docs/howto/share.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import connect

from e2e.guest import start_service
from e2e.server_process import ServerProcess
from hatchway import Agent

pytestmark = pytest.mark.sandbox


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()


@pytest.fixture
async def tunnel(server: ServerProcess) -> AsyncIterator[int]:
    """The port of this end."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(
            _pass_on(reader, to_server[1]), _pass_on(to_server[0], writer), return_exceptions=True
        )

    listener = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1]


async def test_a_preview_works_under_the_port_of_this_end(agent: Agent, tunnel: int) -> None:
    await start_service(agent, 3000)
    preview = await agent.create_signed_preview_url(3000)
    host = f"{preview.token}.localhost:{tunnel}"
    origin = f"http://{host}"
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        answer = await http.get(f"http://127.0.0.1:{tunnel}/echo", headers={"Host": host, "Origin": origin})
    sent = answer.json()["rawHeaders"]
    assert dict(zip(sent[::2], sent[1::2], strict=True))["Origin"] == "http://localhost:3000"
    socket = await connect(
        f"ws://{host}/socket",
        host="127.0.0.1",
        port=tunnel,
        proxy=None,
        additional_headers={"Origin": origin},
    )
    async with socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
