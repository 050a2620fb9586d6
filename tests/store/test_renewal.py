"""Renewals, and what they race with: reads, revocations, and the end that they are to move."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from hatchway.errors import HatchwayError
from hatchway.preview.grant import Grant
from hatchway.store import preview_rows
from hatchway.store.store import Store
from store.test_previews import forgetful, id_of, read_then_wait, resolved


@pytest.fixture
async def vm_id(store: Store) -> str:
    row, _ = await store.vms.get_or_create("vm", "k", 1.0)
    return row.id


class Told:
    """What a renewal says to what is open, and when: at that moment the memory must say the same."""

    def __init__(self, store: Store, token: str) -> None:
        self.grants: list[Grant] = []
        self.resolved: list[object] = []
        self._store, self._token = store, token

    def __call__(self, grant: Grant) -> None:
        self.grants.append(grant)
        self.resolved.append(self._store.previews.resolve(self._token))


@pytest.mark.parametrize("seconds", [1, 59, 60, 3600])
async def test_a_renewal_counts_from_now_and_holds_wherever_it_is_asked_for(
    store: Store, vm_id: str, clock: SimpleNamespace, seconds: int
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60, forward_host=True, app_cors=True, label="mine")
    told = Told(store, token)
    clock.now += 30
    row = await store.previews.renew(vm_id, id_of(token), seconds, told)
    after = replace(grant, expires_at=clock.now + seconds)
    assert row is not None
    assert (row.grant, row.label, row.created_at) == (after, "mine", clock.now - 30)
    assert told.grants == told.resolved == [after]
    assert await store.previews.of_vm(vm_id) == [row]
    fresh = forgetful(store, clock)
    assert await resolved(fresh, token) == after
    clock.now = after.expires_at - 0.001
    assert store.previews.resolve(token) == after == fresh.resolve(token)
    clock.now = after.expires_at
    assert store.previews.resolve(token) is None is fresh.resolve(token)
    assert await store.previews.sweep() == [grant.id]


async def test_what_is_not_there_cannot_be_renewed(store: Store, vm_id: str, clock: SimpleNamespace) -> None:
    other, _ = await store.vms.get_or_create("vm", "other", 1.0)
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    told = Told(store, token)
    assert await store.previews.renew(other.id, id_of(token), 600, told) is None
    assert await store.previews.renew(vm_id, "0" * 20, 600, told) is None
    assert store.previews.resolve(token) == grant
    clock.now = grant.expires_at
    assert await store.previews.renew(vm_id, id_of(token), 600, told) is None, "its row is there still"
    assert store.previews.resolve(token) is None
    clock.now -= 1
    await store.previews.expire(vm_id, token)
    assert await store.previews.renew(vm_id, id_of(token), 600, told) is None
    assert told.grants == []


async def test_a_renewal_outlives_the_server(tmp_path: Path, clock: SimpleNamespace) -> None:
    store = await Store.open(tmp_path / "data", lambda: float(clock.now))
    vm, _ = await store.vms.get_or_create("vm", "k", 1.0)
    token, grant = await store.previews.mint(vm.id, 3000, 60, label="für später")
    row = await store.previews.renew(vm.id, id_of(token), 600, lambda _: None)
    await store.close()
    store = await Store.open(tmp_path / "data", lambda: float(clock.now))
    try:
        clock.now += 599
        assert await store.previews.sweep() == []
        assert await resolved(store.previews, token) == replace(grant, expires_at=clock.now + 1)
        assert await store.previews.of_vm(vm.id) == [row]
        assert row is not None
        assert row.label == "für später"
        clock.now += 1
        assert await resolved(store.previews, token) is None
    finally:
        await store.close()


@pytest.mark.parametrize("seconds", [5, 600])
async def test_a_read_that_races_a_renewal_does_not_bring_the_old_end_back(
    store: Store, vm_id: str, clock: SimpleNamespace, seconds: int
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    fresh = forgetful(store, clock)
    answer = fresh.resolve(token)
    assert isinstance(answer, Awaitable)
    task, gate = await read_then_wait(store._db, answer)
    assert await fresh.renew(vm_id, id_of(token), seconds, lambda _: None) is not None
    gate.set()
    after = replace(grant, expires_at=clock.now + seconds)
    assert await task == after
    assert fresh.resolve(token) == after
    assert not fresh._lookups


async def test_renewals_and_revocations_are_in_the_order_of_their_commits(
    store: Store, vm_id: str, clock: SimpleNamespace
) -> None:
    for order in (("renew", "expire"), ("expire", "renew")):
        token, _ = await store.previews.mint(vm_id, 3000, 60)
        calls = {
            "renew": store.previews.renew(vm_id, id_of(token), 600, lambda _: None),
            "expire": store.previews.expire_id(vm_id, id_of(token)),
        }
        await asyncio.gather(*(calls[name] for name in order))
        assert store.previews.resolve(token) is None
        assert await resolved(forgetful(store, clock), token) is None
        assert await store.previews.of_vm(vm_id) == []


async def test_of_two_renewals_the_later_counts_in_memory_and_on_disk(
    store: Store, vm_id: str, clock: SimpleNamespace
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    many = [5, 600, 20, 900, 7]
    rows = await asyncio.gather(
        *(store.previews.renew(vm_id, id_of(token), seconds, lambda _: None) for seconds in many)
    )
    assert [row and row.grant.expires_at for row in rows] == [clock.now + seconds for seconds in many]
    last = replace(grant, expires_at=clock.now + many[-1])
    assert store.previews.resolve(token) == last == await resolved(forgetful(store, clock), token)


async def hold_writer(store: Store) -> Callable[[], None]:
    """Keeps the writer thread busy until the returned function is called."""
    reached, gate = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        reached.set()
        gate.wait(30)

    holding = asyncio.ensure_future(store._db.write(hold))
    await asyncio.to_thread(reached.wait, 30)
    assert not holding.done()
    return gate.set


async def test_a_renewal_whose_turn_comes_after_the_end_is_none(
    store: Store, vm_id: str, clock: SimpleNamespace
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    told = Told(store, token)
    release = await hold_writer(store)
    renewing = asyncio.ensure_future(store.previews.renew(vm_id, id_of(token), 600, told))
    await asyncio.sleep(0)
    clock.now = grant.expires_at
    release()
    assert await renewing is None
    assert told.grants == []
    assert store.previews.resolve(token) is None
    assert await store.previews.sweep() == [grant.id]


class Committing:
    """Moves the clock when a renewal's row has its new end, and before that is acknowledged."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace, to: float) -> None:
        genuine = preview_rows.renew

        def renew(*args: object) -> preview_rows.Renewed | None:
            found = genuine(*args)  # type: ignore[arg-type]
            clock.now = to
            return found

        monkeypatch.setattr(preview_rows, "renew", renew)


async def test_a_preview_that_ends_while_its_renewal_is_written_does_not_come_back(
    store: Store, vm_id: str, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    told = Told(store, token)
    Committing(monkeypatch, clock, grant.expires_at)
    assert await store.previews.renew(vm_id, id_of(token), 600, told) is None
    assert (told.grants, told.resolved) == ([grant], [None])
    assert await store.previews.of_vm(vm_id) == []
    clock.now -= 30  # nor if the clock is set back
    assert store.previews.resolve(token) is None
    assert await resolved(forgetful(store, clock), token) is None, "its row is gone"
    assert not store.previews._late


async def test_nothing_brings_it_back_before_its_row_is_gone(
    store: Store, vm_id: str, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither another renewal, nor a read, nor a revocation that finds the row with its new end."""
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    fresh = forgetful(store, clock)
    told = Told(store, token)
    Committing(monkeypatch, clock, grant.expires_at)
    failures = iter([sqlite3.OperationalError("disk I/O error")])

    def fail(connection: sqlite3.Connection, grant_id: int) -> None:
        for failure in failures:
            raise failure
        genuine(connection, grant_id)

    genuine = preview_rows.delete_grant
    monkeypatch.setattr(preview_rows, "delete_grant", fail)
    with pytest.raises(HatchwayError):
        await fresh.renew(vm_id, id_of(token), 600, told)
    assert await resolved(forgetful(store, clock), token) is not None, (
        "its row says so, to who knows no better"
    )
    assert await fresh.of_vm(vm_id) == []
    fresh._cache.put_unknown(bytes([n % 256, n // 256]) for n in range(10_000))  # the cache forgets it
    assert await resolved(fresh, token) is None
    assert await fresh.renew(vm_id, id_of(token), 600, told) is None
    assert told.grants[1:] == [replace(grant, expires_at=grant.expires_at - 60 + 600)], (
        "what it rests on is over"
    )
    assert await resolved(fresh, token) is None
    assert await resolved(forgetful(store, clock), token) is None
    assert not fresh._late


async def test_a_late_renewal_is_finished_though_nobody_waits_for_it(
    store: Store, vm_id: str, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    Committing(monkeypatch, clock, grant.expires_at)
    renewing = asyncio.ensure_future(store.previews.renew(vm_id, id_of(token), 600, lambda _: None))
    await asyncio.sleep(0)
    renewing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await renewing
    await asyncio.gather(*store.previews._renewals)
    assert await resolved(forgetful(store, clock), token) is None


async def test_a_renewal_whose_caller_was_cancelled_still_reaches_what_is_open(
    store: Store, vm_id: str, clock: SimpleNamespace
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    told = Told(store, token)
    renewing = asyncio.ensure_future(store.previews.renew(vm_id, id_of(token), 600, told))
    await asyncio.sleep(0)
    renewing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await renewing
    await asyncio.gather(*store.previews._renewals)
    assert told.grants == told.resolved == [replace(grant, expires_at=clock.now + 600)]
