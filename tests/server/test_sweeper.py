from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hatchway.gateway.listener import Gateway
from hatchway.gateway.live_grants import LiveGrants
from hatchway.server.sweeper import SWEEP_SECONDS, sweep_expired
from hatchway.store.store import Store
from server.conftest import NOW, FakeClock


class Sleeper:
    """Sleeps until the test wakes it."""

    def __init__(self) -> None:
        self._sleeping = asyncio.Event()
        self._wake = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        assert seconds == SWEEP_SECONDS
        self._sleeping.set()
        await self._wake.wait()
        self._wake.clear()

    async def sleeps(self) -> None:
        await self._sleeping.wait()
        self._sleeping.clear()

    async def next_round(self) -> None:
        self._wake.set()
        await self.sleeps()


class Member:
    """Something open under a grant."""

    is_cut = False

    def cut(self) -> None:
        self.is_cut = True


@asynccontextmanager
async def _sweeping(store: Store, gateway: Gateway) -> AsyncIterator[Sleeper]:
    sleeper = Sleeper()
    task = asyncio.create_task(sweep_expired(store.previews, gateway, sleeper))
    await sleeper.sleeps()
    yield sleeper
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture
def gateway(clock: FakeClock) -> Gateway:
    gateway = Gateway(None, clock=clock)  # type: ignore[arg-type]
    gateway.grants = LiveGrants(lambda: NOW)  # its own timers never fire: the sweeper is what is tested
    return gateway


async def _stored(store: Store) -> int:
    return await store.previews._db.read(lambda db: db.execute("SELECT count(*) FROM previews").fetchone()[0])


async def test_expired_previews_are_deleted_and_cut(store: Store, gateway: Gateway, clock: FakeClock) -> None:
    vm, _ = await store.vms.get_or_create("vm", "a", NOW)
    _, gone = await store.previews.mint(vm.id, 3000, 1)
    _, later = await store.previews.mint(vm.id, 3000, 100)
    token, kept = await store.previews.mint(vm.id, 3000, 1000)
    members = {grant.id: Member() for grant in (gone, later, kept)}
    for grant_id, member in members.items():
        gateway.grants.enter(member, grant_id, None, None)
    clock.now = NOW + 1
    async with _sweeping(store, gateway) as sleeper:  # at once
        assert await _stored(store) == 2
        assert [member.is_cut for member in members.values()] == [True, False, False]
        await sleeper.next_round()
        assert await _stored(store) == 2
        clock.now = NOW + 100
        await sleeper.next_round()
        assert await _stored(store) == 1
        assert [member.is_cut for member in members.values()] == [True, True, False]
    assert store.previews.resolve(token) == kept


async def test_a_round_that_fails_is_not_the_last(
    store: Store, gateway: Gateway, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    await store.close()
    with caplog.at_level(logging.WARNING):
        async with _sweeping(store, gateway) as sleeper:
            await sleeper.next_round()
    assert len(caplog.messages) == 2
    assert "could not be deleted: the server is stopping" in caplog.messages[0]
