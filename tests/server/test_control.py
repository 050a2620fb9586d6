"""The control API's own server: a socket for this user alone, and nothing left of it."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from hatchway.server.control import SOCKET, ControlServer


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("answer")(scope, receive, send)


async def _get(control: ControlServer) -> httpx.Response:
    transport = httpx.AsyncHTTPTransport(uds=control.path)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        return await client.get("http://localhost/")


@pytest.mark.parametrize("depth", [0, 5])
async def test_it_serves_and_leaves_nothing(data_dir: Path, depth: int) -> None:
    # With 5, longer than a socket's path may be.
    folder = data_dir.joinpath(*["a-folder-with-a-rather-long-name"] * depth)
    folder.mkdir(parents=True, exist_ok=True)

    async def serve() -> list[str]:
        control = ControlServer(folder)
        await control.start(app)
        answer = await _get(control)
        assert (answer.status_code, answer.text) == (200, "answer")
        assert "server" not in answer.headers
        await control.stop()
        return sorted(os.listdir("/proc/self/fd"))

    once = await serve()
    assert await serve() == once  # the event loop itself opens one at its first connection
    assert list(folder.iterdir()) == []


async def test_one_that_never_started_leaves_nothing(data_dir: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    await ControlServer(data_dir).stop()
    assert sorted(os.listdir("/proc/self/fd")) == before


async def test_the_socket_of_a_killed_server_is_replaced(data_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(data_dir / SOCKET))
    control = ControlServer(data_dir)
    await control.start(app)
    assert (await _get(control)).text == "answer"
    await control.stop()
    assert not (data_dir / SOCKET).exists()


async def test_an_answer_under_way_is_finished(data_dir: Path) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await go.wait()
        await app(scope, receive, send)

    control = ControlServer(data_dir)
    await control.start(slow)
    getting = asyncio.create_task(_get(control))
    await asked.wait()
    stopping = asyncio.create_task(control.stop())
    await asyncio.wait([stopping], timeout=0)
    go.set()
    assert (await getting).text == "answer"
    await stopping
