from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hatchway.errors import HatchwayError
from hatchway.preview import token as tokens
from hatchway.preview.grant import Grant
from hatchway.store import preview_rows
from hatchway.store.database import Database
from hatchway.store.preview_rows import PreviewRow
from hatchway.store.previews import Previews
from hatchway.store.schema import migrate
from hatchway.store.store import Store


@pytest.fixture
async def vm_id(store: Store) -> str:
    row, _ = await store.vms.get_or_create("vm", "k", 1.0)
    return row.id


async def resolved(previews: Previews, token: str) -> Grant | None:
    answer = previews.resolve(token)
    return await answer if isinstance(answer, Awaitable) else answer


def id_of(token: str) -> str:
    return tokens.preview_id(tokens.digest(token))


def forgetful(store: Store, clock: SimpleNamespace) -> Previews:
    """Another view of the same rows that remembers nothing yet: a server after its restart."""
    return Previews(store._db, lambda: float(clock.now))


async def test_a_minted_token_stands_for_its_grant(store: Store, vm_id: str, clock: SimpleNamespace) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    assert tokens.is_token(token)
    assert grant == Grant(grant.id, vm_id, 3000, clock.now + 60)
    assert store.previews.resolve(token) == grant, "known at once, without a task"
    fresh = forgetful(store, clock)
    assert isinstance(answer := fresh.resolve(token), Awaitable)
    assert await answer == grant
    assert fresh.resolve(token) == grant


@pytest.mark.parametrize("forward_host", [False, True])
@pytest.mark.parametrize("app_cors", [False, True])
async def test_options_are_part_of_the_grant_wherever_it_comes_from(
    store: Store, vm_id: str, clock: SimpleNamespace, forward_host: bool, app_cors: bool
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60, forward_host=forward_host, app_cors=app_cors)
    fresh = forgetful(store, clock)
    lookup = fresh.resolve(token)
    assert isinstance(lookup, Awaitable)
    sources = [grant, store.previews.resolve(token), await lookup, fresh.resolve(token)]
    sources.append(await store.previews.expire(vm_id, token))
    for each in sources:
        assert isinstance(each, Grant)
        assert (each.forward_host, each.app_cors) == (forward_host, app_cors)
        assert type(each.forward_host) is type(each.app_cors) is bool


async def test_a_vm_that_is_not_there_gets_no_preview(store: Store, vm_id: str) -> None:
    await store.vms.mark_destroyed(vm_id, 2.0)
    for missing in (vm_id, "nobody"):
        with pytest.raises(HatchwayError) as caught:
            await store.previews.mint(missing, 3000, 60)
        assert (caught.value.code, caught.value.status) == ("vm_not_found", 404)


@pytest.mark.parametrize(
    "text", ["", "a" * 31, "a" * 33, "A" * 32, "ä" * 32, "a" * 31 + "\n", "a" * 31 + "\0"]
)
async def test_what_is_no_token_is_refused_without_a_question(store: Store, text: str) -> None:
    assert store.previews.resolve(text) is None
    assert await store.previews.expire("vm", text) is None


@pytest.mark.parametrize("text", ["", "0" * 19, "0" * 21, "A" * 20, "g" * 20, "0" * 19 + "\n", "\u0661" * 20])
async def test_what_is_no_id_is_refused_without_a_question(store: Store, vm_id: str, text: str) -> None:
    await store.close()
    assert await store.previews.expire_id(vm_id, text) is None
    assert await store.previews.renew(vm_id, text, 60, lambda _: None) is None


async def test_an_unknown_token_is_asked_for_once(store: Store) -> None:
    token = tokens.mint()
    assert isinstance(answer := store.previews.resolve(token), Awaitable)
    assert await answer is None
    assert store.previews.resolve(token) is None


async def test_expiry_is_checked_at_each_call(store: Store, vm_id: str, clock: SimpleNamespace) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    clock.now = grant.expires_at - 0.001
    assert store.previews.resolve(token) == grant
    clock.now = grant.expires_at
    assert store.previews.resolve(token) is None
    assert await resolved(forgetful(store, clock), token) is None


async def test_revocation_is_immediate_idempotent_and_bound_to_the_vm(
    store: Store, vm_id: str, clock: SimpleNamespace
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    other, _ = await store.previews.mint(vm_id, 3000, 60)
    assert await store.previews.expire("another-vm", token) is None
    assert store.previews.resolve(token) == grant
    assert await store.previews.expire(vm_id, token) == grant
    assert store.previews.resolve(token) is None
    assert await store.previews.expire(vm_id, token) is None
    assert await resolved(forgetful(store, clock), token) is None
    assert await resolved(store.previews, other) is not None


async def test_revocation_by_id_is_bound_to_the_vm_too(
    store: Store, vm_id: str, clock: SimpleNamespace
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    other, _ = await store.previews.mint(vm_id, 3000, 60)
    assert await store.previews.expire_id("another-vm", id_of(token)) is None
    assert store.previews.resolve(token) == grant
    assert await store.previews.expire_id(vm_id, id_of(token)) == grant
    assert store.previews.resolve(token) is None
    assert await store.previews.expire_id(vm_id, id_of(token)) is None
    assert await resolved(forgetful(store, clock), token) is None
    assert await resolved(store.previews, other) is not None


@pytest.mark.parametrize("by", ["token", "id"])
async def test_what_has_ended_by_itself_is_not_revoked(
    store: Store, vm_id: str, clock: SimpleNamespace, by: str
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    clock.now = grant.expires_at
    expiring = (
        store.previews.expire(vm_id, token)
        if by == "token"
        else store.previews.expire_id(vm_id, id_of(token))
    )
    assert await expiring is None
    clock.now -= 1
    assert await resolved(forgetful(store, clock), token) is None, "nor does it come back"


async def test_all_of_a_vm_are_revoked_and_only_what_held_is_told(
    store: Store, vm_id: str, clock: SimpleNamespace
) -> None:
    elsewhere, _ = await store.vms.get_or_create("vm", "elsewhere", 1.0)
    kept, kept_grant = await store.previews.mint(elsewhere.id, 3000, 60)
    ended = await store.previews.mint(vm_id, 3000, 10)
    held = [await store.previews.mint(vm_id, 3000 + n, 60) for n in range(3)]
    clock.now += 10
    assert sorted(await store.previews.expire_all(vm_id)) == [grant.id for _, grant in held]
    assert await store.previews.expire_all(vm_id) == []
    for token, _ in (ended, *held):
        assert store.previews.resolve(token) is None
        assert await resolved(forgetful(store, clock), token) is None
    assert await resolved(forgetful(store, clock), kept) == kept_grant


async def test_the_list_is_of_one_vm_and_of_what_holds(
    store: Store, vm_id: str, clock: SimpleNamespace
) -> None:
    elsewhere, _ = await store.vms.get_or_create("vm", "elsewhere", 1.0)
    await store.previews.mint(elsewhere.id, 3000, 60)
    assert await store.previews.of_vm(vm_id) == []
    short, _ = await store.previews.mint(vm_id, 3000, 10)
    clock.now += 5
    token, grant = await store.previews.mint(
        vm_id, 3001, 60, forward_host=True, app_cors=True, label="für Ana 🎈"
    )
    first, second = await store.previews.of_vm(vm_id)
    assert (first.id, first.label, first.created_at) == (id_of(short), "", clock.now - 5)
    assert second == PreviewRow(id_of(token), grant, clock.now, "für Ana 🎈")
    assert tokens.is_preview_id(second.id)
    assert not any(text in repr([first, second]) for text in (short, token))
    clock.now += 5
    assert await store.previews.of_vm(vm_id) == [second]
    await store.previews.expire_id(vm_id, second.id)
    assert await store.previews.of_vm(vm_id) == []


async def test_a_revocation_whose_caller_was_cancelled_still_leaves_the_memory(
    store: Store, vm_id: str
) -> None:
    token, _ = await store.previews.mint(vm_id, 3000, 60)
    revoking = asyncio.ensure_future(store.previews.expire(vm_id, token))
    await asyncio.sleep(0)
    revoking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await revoking
    await store.vms.list()
    await store._db.write(lambda _: None)  # a later commit: the revocation's is over
    assert store.previews.resolve(token) is None


async def read_then_wait(
    db: Database, lookup: Awaitable[Grant | None]
) -> tuple[asyncio.Future[Grant | None], threading.Event]:
    """Let `lookup` read its row, and keep the answer in the reader thread until the event is set."""
    first, second = threading.Event(), threading.Event()
    reached_first, reached_second = threading.Event(), threading.Event()

    def hold(reached: threading.Event, gate: threading.Event) -> None:
        reached.set()
        gate.wait(30)

    # While the first job holds the thread, the lookup and a second holder gather into one batch behind it.
    holders = [asyncio.ensure_future(db.read(lambda _: hold(reached_first, first)))]
    await asyncio.to_thread(reached_first.wait, 30)
    task = asyncio.ensure_future(lookup)
    await asyncio.sleep(0)
    holders.append(asyncio.ensure_future(db.read(lambda _: hold(reached_second, second))))
    await asyncio.sleep(0)
    first.set()
    await asyncio.to_thread(reached_second.wait, 30)
    await holders[0]
    assert not task.done()
    return task, second


@pytest.mark.parametrize("how", ["expire", "expire_id", "expire_all", "mark_destroyed", "sweep"])
async def test_a_read_that_races_a_revocation_does_not_bring_the_grant_back(
    store: Store,
    vm_id: str,
    clock: SimpleNamespace,
    how: Literal["expire", "expire_id", "expire_all", "mark_destroyed", "sweep"],
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    store.previews = fresh = forgetful(store, clock)
    store.vms._previews = fresh
    answer = fresh.resolve(token)
    assert isinstance(answer, Awaitable)
    task, gate = await read_then_wait(store._db, answer)
    if how == "expire":
        assert await fresh.expire(vm_id, token) == grant
    elif how == "expire_id":
        assert await fresh.expire_id(vm_id, id_of(token)) == grant
    elif how == "expire_all":
        assert await fresh.expire_all(vm_id) == [grant.id]
    elif how == "mark_destroyed":
        assert await store.vms.mark_destroyed(vm_id, 2.0) == (grant.id,)
    else:
        clock.now = grant.expires_at
        assert await fresh.sweep() == [grant.id]
        clock.now = grant.expires_at - 1  # even if the clock is set back
    gate.set()
    assert await task is None
    assert fresh.resolve(token) is None
    assert not fresh._lookups


async def test_a_read_that_races_a_mint_does_not_hide_it(
    store: Store, vm_id: str, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tokens.mint()
    monkeypatch.setattr(tokens, "mint", lambda: token)
    answer = store.previews.resolve(token)
    assert isinstance(answer, Awaitable)
    task, gate = await read_then_wait(store._db, answer)
    _, grant = await store.previews.mint(vm_id, 3000, 60)
    gate.set()
    assert await task == grant
    assert store.previews.resolve(token) == grant


async def test_a_mint_clears_what_was_remembered_as_unknown(
    store: Store, vm_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tokens.mint()
    assert await resolved(store.previews, token) is None
    monkeypatch.setattr(tokens, "mint", lambda: token)
    _, grant = await store.previews.mint(vm_id, 3000, 60)
    assert store.previews.resolve(token) == grant


async def test_a_cancelled_lookup_leaves_nothing_behind(
    store: Store, vm_id: str, clock: SimpleNamespace
) -> None:
    token, grant = await store.previews.mint(vm_id, 3000, 60)
    fresh = forgetful(store, clock)
    answer = fresh.resolve(token)
    assert isinstance(answer, Awaitable)
    task, gate = await read_then_wait(store._db, answer)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    assert not fresh._lookups
    assert await resolved(fresh, token) == grant


async def test_sweeping_goes_in_batches_and_deletes_what_expired_only(
    store: Store, vm_id: str, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_rows, "SWEEP_BATCH", 3)
    short = [await store.previews.mint(vm_id, 3000, 10) for _ in range(7)]
    token, long = await store.previews.mint(vm_id, 3000, 60)
    assert await store.previews.sweep() == []
    clock.now += 10
    assert sorted(await store.previews.sweep()) == sorted(grant.id for _, grant in short)
    assert await store.previews.sweep() == []
    assert store.previews.resolve(token) == long
    assert all(store.previews.resolve(gone) is None for gone, _ in short)


async def test_the_id_of_a_grant_is_never_used_again(store: Store, vm_id: str) -> None:
    token, first = await store.previews.mint(vm_id, 3000, 60)
    await store.previews.expire(vm_id, token)
    _, second = await store.previews.mint(vm_id, 3000, 60)
    assert second.id > first.id


@pytest.mark.parametrize(
    ("statement", "parameters", "index"),
    [
        (preview_rows._FIND, (b"",), "sqlite_autoindex_previews_1"),
        (preview_rows._FIND_BY_ID, (b"", b"", "vm"), "sqlite_autoindex_previews_1"),
        (preview_rows._LIST, ("vm", 0.0), "previews_by_vm"),
        (preview_rows._RENEW, (0.0, 1), "PRIMARY KEY"),
        (preview_rows._DELETE, (b"", b"", "vm"), "sqlite_autoindex_previews_1"),
        (preview_rows._DELETE_GRANT, (1,), "PRIMARY KEY"),
        (preview_rows._DELETE_OF_VM, ("vm",), "previews_by_vm"),
        (preview_rows._DELETE_EXPIRED, (0.0, 1), "previews_by_expiry"),
        (preview_rows._INSERT, (b"", 1, 0.0, 0.0, 0, 0, 1, "", "vm"), "sqlite_autoindex_vms_1"),
    ],
)
def test_no_statement_reads_more_than_its_rows(
    statement: str, parameters: tuple[object, ...], index: str
) -> None:
    """What holds at one row holds at a million: every search goes through an index, and nothing is sorted."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    connection.close()
    assert any(index in step for step in plan), plan
    assert not any(step.startswith("SCAN") or "B-TREE" in step for step in plan), plan


step = st.one_of(
    st.tuples(st.just("mint"), st.integers(0, 1), st.integers(1, 20)),
    st.tuples(st.just("expire"), st.integers(0, 1), st.integers(0, 9)),
    st.tuples(st.just("expire_id"), st.integers(0, 1), st.integers(0, 9)),
    st.tuples(st.just("renew"), st.integers(0, 1), st.integers(0, 99)),
    st.tuples(st.just("wait"), st.integers(1, 10), st.just(0)),
    st.tuples(st.just("sweep"), st.just(0), st.just(0)),
    st.tuples(st.just("forget"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
)


@settings(max_examples=40)
@given(program=st.lists(step, max_size=25))
def test_any_history_agrees_with_a_plain_dictionary(
    tmp_path_factory: pytest.TempPathFactory, program: list[tuple[str, int, int]]
) -> None:
    asyncio.run(_compare(tmp_path_factory.mktemp("store"), program))


async def _compare(directory: Path, program: list[tuple[str, int, int]]) -> None:
    clock = SimpleNamespace(now=0.0)
    store = await Store.open(directory, lambda: float(clock.now))
    try:
        vms = [(await store.vms.get_or_create("vm", key, 0.0))[0].id for key in ("a", "b")]
        rows: dict[str, Grant] = {}
        every: list[str] = []

        def mine_of(token: str, vm: int) -> Grant | None:
            known = rows.get(token)
            return known if known is not None and known.vm_id == vms[vm] and known.holds(clock.now) else None

        for what, a, b in program:
            if what == "mint":
                token, rows_grant = await store.previews.mint(
                    vms[a], 3000 + b, b, forward_host=b % 2 == 1, app_cors=b % 3 == 1, label=str(b)
                )
                assert (rows_grant.forward_host, rows_grant.app_cors) == (b % 2 == 1, b % 3 == 1)
                assert rows_grant.expires_at == clock.now + b
                rows[token] = rows_grant
                every.append(token)
            elif what in {"expire", "expire_id"} and every:
                token = every[b % len(every)]
                mine = mine_of(token, a)
                expire = store.previews.expire if what == "expire" else store.previews.expire_id
                assert await expire(vms[a], token if what == "expire" else id_of(token)) == mine
                if mine is not None or (token in rows and rows[token].vm_id == vms[a]):
                    del rows[token]
            elif what == "renew" and every:
                token = every[b % len(every)]
                mine = mine_of(token, a)
                told: list[Grant] = []
                row = await store.previews.renew(vms[a], id_of(token), 1 + b % 20, told.append)
                if mine is None:
                    assert (row, told) == (None, [])
                else:
                    rows[token] = replace(mine, expires_at=clock.now + 1 + b % 20)
                    assert row is not None
                    assert ([row.grant], row.id) == (told, id_of(token)) == ([rows[token]], row.id)
            elif what == "wait":
                clock.now += a
            elif what == "sweep":
                gone = {token: grant for token, grant in rows.items() if not grant.holds(clock.now)}
                assert sorted(await store.previews.sweep()) == sorted(grant.id for grant in gone.values())
                rows = {token: grant for token, grant in rows.items() if token not in gone}
            elif what == "forget":
                mine_ids = sorted(
                    grant.id for grant in rows.values() if grant.vm_id == vms[a] and grant.holds(clock.now)
                )
                assert sorted(await store.previews.expire_all(vms[a])) == mine_ids
                rows = {token: grant for token, grant in rows.items() if grant.vm_id != vms[a]}
            elif what == "restart":
                await store.close()
                store = await Store.open(directory, lambda: float(clock.now))
            for token in every:
                expected = rows.get(token)
                if expected is not None and not expected.holds(clock.now):
                    expected = None
                assert await resolved(store.previews, token) == expected
            for vm in vms:
                live = [
                    (id_of(token), grant)
                    for token, grant in rows.items()
                    if grant.vm_id == vm and grant.holds(clock.now)
                ]
                listed = await store.previews.of_vm(vm)
                assert [(row.id, row.grant) for row in listed] == live
                assert all(row.label == str(row.grant.port - 3000) for row in listed)
    finally:
        await store.close()
