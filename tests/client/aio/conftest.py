from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from client.stub_server import StubServer
from hatchway.client import Agent, AsyncClient


@pytest.fixture
async def server() -> AsyncIterator[StubServer]:
    stub = StubServer()
    await stub.start()
    yield stub
    await stub.stop()


@pytest.fixture
async def client(server: StubServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.url) as made:
        yield made


@pytest.fixture
def agent(client: AsyncClient) -> Agent:
    return client.vm.get_or_create(["my-agent"])
