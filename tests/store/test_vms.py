from __future__ import annotations

import asyncio
import string
from pathlib import Path

import pytest

from hatchway.errors import HatchwayError
from hatchway.store import vms as vms_module
from hatchway.store.store import Store
from hatchway.vm.key import format_key


async def test_a_key_finds_its_vm_again(store: Store) -> None:
    row, created = await store.vms.get_or_create("vm", "my-agent", 5.0)
    assert created
    assert (row.name, row.key, row.slot, row.created_at, row.destroyed_at) == ("vm", "my-agent", 0, 5.0, None)
    assert len(row.id) == 20
    assert set(row.id) <= set(string.ascii_lowercase + string.digits)
    assert await store.vms.get_or_create("vm", "my-agent", 9.0) == (row, False)
    assert await store.vms.by_id(row.id) == row
    assert await store.vms.by_key("vm", "my-agent") == row
    assert await store.vms.by_id("nobody") is None
    assert await store.vms.by_key("other", "my-agent") is None


async def test_the_same_key_of_two_kinds_is_two_vms(store: Store) -> None:
    one, _ = await store.vms.get_or_create("one", "k", 1.0)
    two, _ = await store.vms.get_or_create("two", "k", 2.0)
    assert one.id != two.id
    assert await store.vms.list() == [one, two]


async def test_finding_makes_nothing(store: Store) -> None:
    one, _ = await store.vms.get_or_create("one", "k", 1.0)
    two, _ = await store.vms.get_or_create("two", "k", 2.0)
    other, _ = await store.vms.get_or_create("one", "other", 3.0)
    assert await store.vms.list("one", "k") == [one]
    assert await store.vms.list("one") == [one, other]
    assert await store.vms.list(key="k") == [one, two]
    assert await store.vms.list("one", "none") == await store.vms.list("none") == []
    await store.vms.mark_destroyed(one.id, 4.0)
    assert await store.vms.list("one", "k") == []
    assert await store.vms.list("one") == [other]
    assert await store.vms.list() == [two, other]


async def test_keys_that_look_alike_stay_apart(store: Store) -> None:
    keys = [
        ("a/b",),
        ("a", "b"),
        ("a\\", "b"),
        ("a\\/b",),
        ("", "a"),
        ("a", ""),
        ("A",),
        ("a",),
        ("ä",),
        ("a\u0308",),
    ]
    rows = [(await store.vms.get_or_create("vm", format_key(key), 1.0))[0] for key in keys]
    assert len({row.id for row in rows}) == len(keys)


async def test_a_hundred_first_calls_make_one_vm(store: Store) -> None:
    answers = await asyncio.gather(*(store.vms.get_or_create("vm", "k", 1.0) for _ in range(100)))
    assert len({row.id for row, _ in answers}) == 1
    assert [created for _, created in answers].count(True) == 1
    assert len(await store.vms.list()) == 1


async def test_slots_are_the_lowest_free_and_skip_what_is_in_use(tmp_path: Path) -> None:
    store = await Store.open(tmp_path, skip_slots={0, 2, 3}.__contains__)
    try:
        rows = [(await store.vms.get_or_create("vm", str(n), 1.0))[0] for n in range(3)]
        assert [row.slot for row in rows] == [1, 4, 5]
        await store.vms.mark_destroyed(rows[0].id, 2.0)
        kept, _ = await store.vms.get_or_create("vm", "while its files are there", 3.0)
        assert kept.slot == 6
        await store.vms.purge(rows[0].id)
        again, _ = await store.vms.get_or_create("vm", "once they are gone", 4.0)
        assert again.slot == 1
    finally:
        await store.close()


async def test_no_slot_left_is_a_clear_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vms_module, "MAX_SLOT", 0)
    await store.vms.get_or_create("vm", "first", 1.0)
    with pytest.raises(HatchwayError) as caught:
        await store.vms.get_or_create("vm", "second", 1.0)
    assert caught.value.code == "no_free_slot"


async def test_destroying_frees_the_key_and_revokes_previews_at_once(store: Store) -> None:
    row, _ = await store.vms.get_or_create("vm", "k", 1.0)
    other, _ = await store.vms.get_or_create("vm", "other", 1.0)
    token, grant = await store.previews.mint(row.id, 3000, 60)
    kept_token, kept = await store.previews.mint(other.id, 3000, 60)
    assert await store.vms.mark_destroyed(row.id, 2.0) == (grant.id,)
    assert store.previews.resolve(token) is None, "answered from memory, in the step of the acknowledgement"
    assert store.previews.resolve(kept_token) == kept
    assert await store.vms.by_id(row.id) is None
    assert await store.vms.list() == [other]
    (waiting,) = await store.vms.destroyed()
    assert (waiting.id, waiting.destroyed_at) == (row.id, 2.0)
    fresh, created = await store.vms.get_or_create("vm", "k", 3.0)
    assert created
    assert fresh.id != row.id
    assert fresh.slot not in {row.slot, other.slot}
    assert await store.vms.mark_destroyed(row.id, 9.0) == ()
    assert (await store.vms.destroyed())[0].destroyed_at == 2.0


async def test_purge_forgets_only_what_was_destroyed(store: Store) -> None:
    row, _ = await store.vms.get_or_create("vm", "k", 1.0)
    await store.vms.purge(row.id)
    assert await store.vms.by_id(row.id) == row
    await store.vms.mark_destroyed(row.id, 2.0)
    await store.vms.purge(row.id)
    await store.vms.purge(row.id)
    assert await store.vms.destroyed() == ()
