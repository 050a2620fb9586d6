"""A server within a program that has an event loop of its own."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import httpx
import pytest

from hatchway import ConnectionFailed, InvalidRequest, agent_os, create_client, setup
from hatchway.registry import Registry
from hatchway.software import common, node

pytestmark = pytest.mark.sandbox


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.delenv("HATCHWAY_TOKEN", raising=False)
    return setup(use={"box": agent_os(software=[common, node])}, data_dir=tmp_path / "data", port=1)


async def test_a_server_for_as_long_as_the_block_lasts(registry: Registry) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    async with registry.serving(port=0) as server, create_client(server.url) as client:
        agent = client.box.get_or_create("a")
        await agent.spawn(
            "node", ["-e", "require('http').createServer((q, s) => s.end('here')).listen(3000)"]
        )
        preview = await agent.create_signed_preview_url(3000)
        async with httpx.AsyncClient(trust_env=False) as visitor:
            answer = await visitor.get(f"{server.url}{preview.path}/")
        assert (answer.status_code, answer.text) == (200, "here")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    async with create_client(server.url) as client:
        with pytest.raises(ConnectionFailed):
            await client.box.get_or_create("a").exists("/")


async def test_cancelling_the_block_stops_the_server(registry: Registry) -> None:
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with registry.serving(port=0) as server:
            started.set_result(server.url)
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    url = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with create_client(url) as client:
        with pytest.raises(ConnectionFailed):
            await client.box.get_or_create("a").exists("/")
    async with registry.serving(port=0):
        pass  # the data folder is free again


async def test_wrong_settings_are_told_before_anything_starts(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        async with registry.serving(prot=0):  # type: ignore[call-arg]
            pass
    assert caught.value.code == "unknown_setting"
    assert "serving()" in caught.value.message
    assert not (tmp_path / "data").exists()
