"""The client's protocol, on the loop that a server runs on and on Python's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import uvloop
from starlette.applications import Starlette

from api.rivet.client_side import DIALECTS, Dialect
from hatchway.api.rivet.encodings import Encoding

PLAIN = Dialect(Encoding.JSON, 3)
Call = Callable[..., Awaitable[Any]]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture
async def http(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as opened:
        yield opened


@pytest.fixture
async def actor(http: httpx.AsyncClient) -> str:
    answer = await http.put(
        "/actors?namespace=default", json={"name": "vm", "key": "k", "crash_policy": "sleep"}
    )
    return str(answer.json()["actor"]["actor_id"])


@pytest.fixture
def ask(http: httpx.AsyncClient, actor: str) -> Callable[..., Awaitable[httpx.Response]]:
    async def ask(name: str, *arguments: Any, dialect: Dialect = PLAIN) -> httpx.Response:
        return await http.post(
            f"/gateway/{actor}/action/{name}",
            content=dialect.arguments(list(arguments)),
            headers=dialect.headers(),
        )

    return ask


@pytest.fixture
def call(ask: Any) -> Call:
    """What an action returns."""

    async def call(name: str, *arguments: Any, dialect: Dialect = PLAIN) -> Any:
        return dialect.output(await ask(name, *arguments, dialect=dialect))

    return call


@pytest.fixture(params=DIALECTS, ids=str)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found
