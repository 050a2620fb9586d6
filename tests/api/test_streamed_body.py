"""A body passed on as it comes; over HTTP in test_process_io.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from hatchway.api.streamed_body import READ_AHEAD_BYTES, with_body


class Client:
    """The receiving side of an ASGI call: says what it is told to, then waits or goes."""

    def __init__(self, *pieces: bytes, whole: bool = True) -> None:
        self._messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
        ]
        if whole:
            self._messages.append({"type": "http.request", "body": b"", "more_body": False})
        self.sent = 0
        self.gone = asyncio.Event()

    async def receive(self) -> Any:
        if self.sent < len(self._messages):
            self.sent += 1
            return self._messages[self.sent - 1]
        await self.gone.wait()
        return {"type": "http.disconnect"}


class Work:
    """Takes a body, when it may."""

    def __init__(self, *, reads: bool = True) -> None:
        self.taken: list[bytes] = []
        self.reads = asyncio.Event()
        if reads:
            self.reads.set()
        self.left = False

    async def run(self, pieces: AsyncIterator[bytes]) -> str:
        try:
            async for piece in pieces:
                await self.reads.wait()
                self.taken.append(piece)
            return "done"
        finally:
            await asyncio.sleep(0)  # cleaning up takes its time, and is waited for
            self.left = True


async def _turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@given(st.lists(st.binary(max_size=10)))
def test_the_body_is_passed_on_whole_and_in_order(pieces: list[bytes]) -> None:
    async def check() -> None:
        work = Work()
        assert await with_body(Client(*pieces).receive, work.run) == "done"
        assert work.taken == [piece for piece in pieces if piece]
        assert work.left
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(check())


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize("whole", [True, False])
async def test_work_ends_with_its_client(reads: bool, whole: bool) -> None:
    if reads and whole:
        return  # it is done before the client can go
    client, work = Client(b"a", b"b", whole=whole), Work(reads=reads)
    task = asyncio.ensure_future(with_body(client.receive, work.run))
    await _turns()
    client.gone.set()
    with pytest.raises(ClientDisconnect):
        await task
    assert work.taken == ([b"a", b"b"] if reads else [])
    assert work.left
    assert len(asyncio.all_tasks()) == 1


async def test_no_more_is_read_ahead_than_its_bound() -> None:
    piece = bytes(READ_AHEAD_BYTES // 4)
    client, work = Client(*[piece] * 20), Work(reads=False)
    task = asyncio.ensure_future(with_body(client.receive, work.run))
    await _turns(100)
    assert 4 <= client.sent <= 6  # one is in the hands of the work
    work.reads.set()
    assert await task == "done"
    assert len(work.taken) == 20


async def test_work_that_wants_no_more_is_done() -> None:
    async def first(pieces: AsyncIterator[bytes]) -> bytes:
        return await anext(pieces)

    async def failing(_pieces: AsyncIterator[bytes]) -> None:
        raise LookupError("on purpose")

    assert await with_body(Client(b"one", b"two", whole=False).receive, first) == b"one"
    with pytest.raises(LookupError):
        await with_body(Client(b"one", whole=False).receive, failing)
    assert len(asyncio.all_tasks()) == 1


async def test_work_ends_with_its_caller() -> None:
    work = Work(reads=False)
    call: Coroutine[Any, Any, str] = with_body(Client(b"one").receive, work.run)
    task = asyncio.ensure_future(call)
    await _turns()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert work.left
    assert len(asyncio.all_tasks()) == 1
