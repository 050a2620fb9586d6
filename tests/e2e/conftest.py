"""Real servers, real VMs, real sockets."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from e2e.command import Command
from e2e.guest import start_service
from e2e.server_process import ServerProcess
from hatchway import Agent, AsyncClient

MakeAgent = Callable[[], Agent]

ENVIRONMENT_CANARY = "h0st-environment-canary"
"""In the environment of the shared server, and nowhere that a guest can see."""

HARDLY_WAITS = ("--limit", "wait_seconds=0.2", "--ready-vms", "0")
"""For servers whose tests ask for ports that nothing listens on, so that each does not take the default of ten seconds.
Waiting itself is tested in test_waiting.py. No VM waits ready, so that those that run are the tests' own."""

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _no_settings_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client in this process must not pick up a server or token that the tests did not make."""
    for name in ("HATCHWAY_TOKEN", "HATCHWAY_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The server that most tests share; each uses VMs of its own."""
    folder = tmp_path_factory.mktemp("shared-server")
    with ServerProcess(folder, *HARDLY_WAITS, environment={"E2E_CANARY": ENVIRONMENT_CANARY}) as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of this test's own, which it may end."""
    with ServerProcess(tmp_path, *HARDLY_WAITS) as running:
        yield running


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.url) as connected:
        yield connected


@pytest.fixture
async def make_agent(client: AsyncClient) -> AsyncIterator[MakeAgent]:
    """Makes VMs of this test's own; they are destroyed at its end."""
    made: list[Agent] = []

    def make() -> Agent:
        made.append(client.vm.get_or_create(["e2e", str(next(_numbers))]))
        return made[-1]

    yield make
    for agent in made:
        await agent.destroy()


@pytest.fixture
def agent(make_agent: MakeAgent) -> Agent:
    """A VM of this test's own."""
    return make_agent()


@pytest.fixture
def hatchway(server: ServerProcess, tmp_path: Path) -> Command:
    """The command, for a VM of this test's own on the shared server."""
    folder = tmp_path / "here"
    folder.mkdir()
    return Command(server.url, f"command/{next(_numbers)}", folder)


@pytest.fixture(scope="session")
def zoo_key(server: ServerProcess) -> list[str]:
    """The key of a VM of the shared server with a zoo on port 3000, for tests that leave it as it is."""
    key = ["e2e", "zoo"]

    async def start() -> None:
        async with AsyncClient(server.url) as client:
            await start_service(client.vm.get_or_create(key), 3000)

    asyncio.run(start())
    return key


@pytest.fixture
async def vm_path(client: AsyncClient, agent: Agent, http: httpx.AsyncClient) -> str:
    """The path of this test's VM in the control API."""
    answer = await http.post(f"{client.url}/api/vms", json={"name": "vm", "key": list(agent.key)})
    return f"/api/vms/{answer.json()['id']}"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client, which follows no redirects."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as plain:
        yield plain
