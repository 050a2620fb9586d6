from __future__ import annotations

import asyncio
import json

import pytest
from websockets.exceptions import InvalidStatus

from compatibility.app import PYTHON, App, Running

pytestmark = pytest.mark.sandbox

APP = App(
    tool="websockets",
    folder="websockets",
    port=8765,
    command=(PYTHON, "app.py"),
    version=(PYTHON, "-c", "import websockets; print(websockets.__version__)"),
    locked_as="websockets",
)


async def test_messages(running: Running) -> None:
    """Compressed messages, fragments either way, pings, and the client's own close code and reason."""
    async with running.connect("/") as socket:
        assert socket.response is not None
        assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]
        await socket.recv()
        for message in ("hello", b"\0\xff" * 100_000, "ü" * 100_000):
            await socket.send(message)
            assert await socket.recv() == message
        await socket.send(["two ", "parts"])
        assert await socket.recv() == "two parts"
        await socket.send("fragments")
        # With the empty one the sender ends a message in parts.
        assert [part async for part in socket.recv_streaming()] == ["in ", "three ", "parts", ""]
        await (await socket.ping(b"are you there"))
        await socket.close(4001, "enough")
    async with asyncio.timeout(20), running.connect("/last") as socket:
        assert json.loads(await socket.recv()) == {"code": 4001, "reason": "enough"}


async def test_origin_check(running: Running) -> None:
    """Its check of the `Origin`: a page of the preview may connect, one of another site may not."""
    async with running.connect("/", origin=running.preview.url.rstrip("/")) as socket:
        fields = dict(json.loads(await socket.recv()))
        assert (fields["Host"], fields["Origin"]) == ("localhost:8765", "http://localhost:8765")
        assert running.preview.token not in str(fields)
    with pytest.raises(InvalidStatus) as refused:
        async with running.connect("/", origin="https://example.org"):
            pass
    assert refused.value.response.status_code == 403
    assert b"invalid Origin header" in refused.value.response.body
