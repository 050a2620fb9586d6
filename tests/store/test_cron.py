from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hatchway.errors import Conflict, NotFound
from hatchway.store.cron import MAX_JOBS, CronRow
from hatchway.store.store import Store
from hatchway.vm.cron_job import CronJob, CronRun

NOW = 1_000_000.0
JOB = CronJob("a", "*/5 * * * *", ["sh", "-c", "\u00fc"], "Europe/Berlin", "queue", {"A": "b"}, "/srv", 1.5)
RUN = CronRun(NOW, NOW + 1, 3, None, True, "words", None)


async def _vm(store: Store, key: str) -> str:
    return (await store.vms.get_or_create("vm", key, NOW))[0].id


async def test_what_was_put_is_there_after_a_restart(store: Store, tmp_path: Path) -> None:
    vm = await _vm(store, "a")
    plain = CronJob("b", "@daily", "true")
    await store.cron.put(vm, JOB, NOW)
    await store.cron.put(vm, plain, NOW + 1)
    await store.cron.record(vm, "a", 4, 2, RUN)
    await store.close()
    again = await Store.open(tmp_path / "data")
    try:
        assert await again.cron.all() == [CronRow(vm, JOB, NOW, 4, 2, RUN), CronRow(vm, plain, NOW + 1)]
    finally:
        await again.close()


async def test_one_of_the_same_id_takes_its_place_and_its_past(store: Store) -> None:
    vm, other = await _vm(store, "a"), await _vm(store, "b")
    told: list[float] = []
    await store.cron.put(vm, JOB, NOW, told.append)
    await store.cron.put(other, JOB, NOW + 1, told.append)
    await store.cron.record(vm, "a", 4, 2, RUN)
    changed = replace(JOB, schedule="@hourly")
    await store.cron.put(vm, changed, NOW + 2, told.append)
    assert told == [NOW, NOW + 1, NOW]
    expected = [CronRow(vm, changed, NOW, 4, 2, RUN), CronRow(other, JOB, NOW + 1)]
    assert await store.cron.all() == sorted(expected, key=lambda row: row.vm_id)


async def test_removing_is_told_in_the_order_of_the_writes(store: Store) -> None:
    vm = await _vm(store, "a")
    told: list[object] = []
    removed = await asyncio.gather(
        store.cron.put(vm, JOB, NOW, told.append),
        store.cron.remove(vm, "a", told.append),
        store.cron.remove(vm, "a", told.append),
        store.cron.put(vm, JOB, NOW + 1, told.append),
    )
    assert list(removed) == [None, True, False, None]
    assert told == [NOW, True, False, NOW + 1]


async def test_what_came_of_a_job_that_is_gone_is_not_kept(store: Store) -> None:
    vm = await _vm(store, "a")
    await store.cron.record(vm, "a", 1, 0, RUN)
    assert await store.cron.all() == []


async def test_a_vm_takes_its_jobs_with_it(store: Store) -> None:
    vm, other = await _vm(store, "a"), await _vm(store, "b")
    for each in (vm, other):
        await store.cron.put(each, JOB, NOW)
    await store.vms.mark_destroyed(vm, NOW)
    assert [row.vm_id for row in await store.cron.all()] == [other]
    with pytest.raises(NotFound) as caught:
        await store.cron.put(vm, JOB, NOW)
    assert caught.value.code == "vm_not_found"
    await store.vms.purge(vm)


async def test_their_number_is_bounded(store: Store) -> None:
    vm = await _vm(store, "a")
    for number in range(MAX_JOBS):
        await store.cron.put(vm, replace(JOB, id=str(number)), NOW)
    with pytest.raises(Conflict) as caught:
        await store.cron.put(vm, replace(JOB, id="one-more"), NOW)
    assert caught.value.code == "too_many_cron_jobs"
    await store.cron.put(vm, replace(JOB, id="0", schedule="@hourly"), NOW)
    assert len(await store.cron.all()) == MAX_JOBS
