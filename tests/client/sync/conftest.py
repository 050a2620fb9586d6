from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from client.stub_server import StubServer
from hatchway.client import Client, SyncAgent


@pytest.fixture
def server() -> Iterator[StubServer]:
    """The stub server, on an event loop in a thread of its own: the client under test blocks the test's."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stub = StubServer()
    try:
        asyncio.run_coroutine_threadsafe(stub.start(), loop).result(10)
        yield stub
        asyncio.run_coroutine_threadsafe(stub.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def client(server: StubServer) -> Iterator[Client]:
    with Client(server.url) as made:
        yield made


@pytest.fixture
def agent(client: Client) -> SyncAgent:
    return client.vm.get_or_create(["my-agent"])
