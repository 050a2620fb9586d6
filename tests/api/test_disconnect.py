from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from hatchway.api.disconnect import unless_disconnected


class Client:
    """The receiving side of an ASGI call."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}


class Work:
    def __init__(self) -> None:
        self.begun, self.gate, self.cleaned = asyncio.Event(), asyncio.Event(), False

    async def run(self) -> str:
        self.begun.set()
        try:
            await self.gate.wait()
            return "done"
        finally:
            await asyncio.sleep(0)  # cleaning up takes its time, and is waited for
            self.cleaned = True


async def test_the_result_of_work_whose_client_stays() -> None:
    work = Work()
    work.gate.set()
    assert await unless_disconnected(Client().receive, work.run()) == "done"
    assert work.cleaned
    assert len(asyncio.all_tasks()) == 1


async def test_work_ends_with_its_client() -> None:
    client, work = Client(), Work()
    task = asyncio.ensure_future(unless_disconnected(client.receive, work.run()))
    await work.begun.wait()
    client.gone.set()
    with pytest.raises(ClientDisconnect):
        await task
    assert work.cleaned
    assert len(asyncio.all_tasks()) == 1


async def test_work_ends_with_its_caller() -> None:
    work = Work()
    task = asyncio.ensure_future(unless_disconnected(Client().receive, work.run()))
    await work.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.cleaned
    assert len(asyncio.all_tasks()) == 1


async def test_an_error_comes_out_as_it_is() -> None:
    async def fail() -> None:
        raise LookupError("on purpose")

    with pytest.raises(LookupError):
        await unless_disconnected(Client().receive, fail())


async def test_what_was_done_counts_though_the_client_went_at_the_same_time() -> None:
    client = Client()
    client.gone.set()

    async def at_once() -> str:
        return "done"

    assert await unless_disconnected(client.receive, at_once()) == "done"
