from __future__ import annotations

import json

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from compatibility.app import NUMBERS, PYTHON, WRITE_NUMBERS, App, Running

pytestmark = pytest.mark.sandbox

APP = App(
    tool="Starlette",
    folder="starlette",
    port=8000,
    prepare=(WRITE_NUMBERS,),
    command=(PYTHON, "-m", "uvicorn", "main:app"),
    version=(PYTHON, "-c", "import starlette; print(starlette.__version__)"),
    locked_as="starlette",
)


async def test_stream_for_any_accept(http: httpx.AsyncClient) -> None:
    """A stream of events for clients that accept anything, JSON or HTML: each event arrives before the next is sent."""
    for accept in ("*/*", "application/json", "text/html", "text/event-stream"):
        async with http.stream("GET", "stream", headers={"Accept": accept}) as answer:
            pieces = answer.aiter_raw()
            assert await anext(pieces) == f"data: {accept}\n\n".encode()
            await http.post("go-on")
            assert b"".join([piece async for piece in pieces]) == b"data: last\n\n"


async def test_ranges_of_a_file(http: httpx.AsyncClient) -> None:
    """Ranges of a file: 206 with one part and with two, 416, `If-Range`."""
    part = await http.get("file", headers={"Range": "bytes=10-29"})
    assert (part.status_code, part.content) == (206, NUMBERS[10:30])
    assert part.headers["content-range"] == "bytes 10-29/10000"
    two = await http.get("file", headers={"Range": "bytes=0-9,9990-"})
    assert two.status_code == 206
    assert two.headers["content-type"].startswith("multipart/byteranges")
    assert b"000000000\n" in two.content
    assert b"000000999\n" in two.content
    beyond = await http.get("file", headers={"Range": "bytes=10000-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10000")
    for tag, status in ((part.headers["etag"], 206), ('"another"', 200)):
        assert (await http.get("file", headers={"Range": "bytes=-10", "If-Range": tag})).status_code == status


async def test_websocket(running: Running) -> None:
    """WebSocket on uvicorn: JSON messages, a header of the app's own, and a refusal with the app's own answer."""
    async with running.connect("/socket") as socket:
        assert socket.response is not None
        assert socket.response.headers["x-of-the-app"] == "yes"
        for message in ([1, 2, 3], {"a": None}):
            await socket.send(json.dumps(message))
            assert json.loads(await socket.recv()) == {"you sent": message}
    with pytest.raises(InvalidStatus) as refused:
        await running.connect("/socket?refused=")
    assert (refused.value.response.status_code, refused.value.response.body) == (418, b"not you")
