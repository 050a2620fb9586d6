from __future__ import annotations

import json

import httpx
import pytest
from playwright.async_api import Page, expect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from compatibility.app import PYTHON, App, Running
from e2e import chromium

pytestmark = pytest.mark.sandbox

APP = App(
    tool="aiohttp",
    folder="aiohttp",
    port=8080,
    command=(PYTHON, "app.py"),
    version=(PYTHON, "-c", "import aiohttp; print(aiohttp.__version__)"),
    locked_as="aiohttp",
)


async def test_server_sent_events(http: httpx.AsyncClient) -> None:
    """Server-sent events: each arrives before the next is sent."""
    async with http.stream("GET", "events", headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"data: first\n\n"
        await http.post("go-on")
        assert [piece async for piece in pieces] == [b"data: last\n\n"]


@pytest.mark.browser
@pytest.mark.skipif(not chromium.CHROMIUM.exists(), reason=chromium.MISSING)
async def test_event_source(running: Running, browser_page: Page) -> None:
    """`EventSource` in Chromium, which connects again with `Last-Event-ID`."""
    await browser_page.goto(running.preview.url)
    await expect(browser_page.locator("li")).to_have_text(["1", "2", "3"])


async def test_websocket(running: Running) -> None:
    """WebSocket: subprotocol, text, 5 MB of binary, a close code and reason of the app's own."""
    binary = bytes(range(256)) * 20_000
    async with running.connect(
        "/socket?a=b", subprotocols=[Subprotocol("second"), Subprotocol("third")]
    ) as socket:
        assert socket.subprotocol == "second"
        assert json.loads(await socket.recv()) == {
            "host": "localhost:8080",
            "protocol": "second",
            "query": "a=b",
        }
        for message in ("hello", "ü" * 1000, binary, ""):
            await socket.send(message)
            assert await socket.recv() == message
        await (await socket.ping())
        await socket.send("bye")
        with pytest.raises(ConnectionClosedError):
            await socket.recv()
    assert (socket.close_code, socket.close_reason) == (4321, "as you like")
