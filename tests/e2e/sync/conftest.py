"""As `e2e/aio`, with the synchronous client."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from e2e.server_process import ServerProcess
from hatchway import Client, SyncAgent

_numbers = itertools.count(1)


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    with Client(server.url) as connected:
        yield connected


@pytest.fixture
def agent(client: Client) -> Iterator[SyncAgent]:
    """A VM of this test's own."""
    made = client.vm.get_or_create(["e2e", "sync", str(next(_numbers))])
    yield made
    made.destroy()


@pytest.fixture
def zoo(client: Client, zoo_key: list[str]) -> SyncAgent:
    """A VM with a zoo on port 3000, shared: requests leave it as it was."""
    return client.vm.get_or_create(zoo_key)
