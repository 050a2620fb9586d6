"""Minting previews durably, and looking one up among few and many.

Mints come from 32 callers, each waiting for its own acknowledgement, which comes once the row is on disk; beside
them one caller alone, which is what the disk allows without group commit. Look-ups are those that reach SQLite, at 1,
10,000 and 100,000 stored previews; the ratio to the first says whether the cost is flat.

    python -m benchmarks.mint_previews [--quick]
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from benchmarks.table import Row, markdown, number
from hatchway.preview import token as tokens
from hatchway.store.database import Database
from hatchway.store.previews import Previews
from hatchway.store.store import DATABASE, Store

CALLERS = 32


async def _mints_per_second(store: Store, vm_id: str, callers: int, mints: int) -> float:
    async def call(times: int) -> None:
        for _ in range(times):
            await store.previews.mint(vm_id, 3000, 3600)

    started = time.perf_counter()
    await asyncio.gather(*(call(mints // callers) for _ in range(callers)))
    return (mints // callers) * callers / (time.perf_counter() - started)


def _fill(path: Path, vm_id: str, count: int) -> None:
    """Add rows up to `count`. Straight into the file: what is measured is the lookup."""
    connection = sqlite3.connect(path)
    (there,) = connection.execute("SELECT count(*) FROM previews").fetchone()
    with connection:
        connection.executemany(
            "INSERT INTO previews (digest, vm_id, port, created_at, expires_at) VALUES (?, ?, 3000, 0, 9e9)",
            ((random.randbytes(32), vm_id) for _ in range(count - there)),
        )
    connection.close()


async def _lookup_microseconds(path: Path, token: str, lookups: int) -> float:
    """The median of single lookups, each by an empty cache, as after a restart."""
    database = await Database.open(path)
    try:
        samples = []
        for _ in range(lookups):
            answer = Previews(database, time.time).resolve(token)
            assert isinstance(answer, Awaitable)
            started = time.perf_counter()
            assert await answer is not None
            samples.append(time.perf_counter() - started)
        return sorted(samples)[len(samples) // 2] * 1e6
    finally:
        await database.close()


async def _cached_microseconds(store: Store, token: str, lookups: int) -> float:
    started = time.perf_counter()
    for _ in range(lookups):
        store.previews.resolve(token)
    return (time.perf_counter() - started) / lookups * 1e6


async def _measure(directory: Path, quick: bool) -> list[Row]:
    store = await Store.open(directory)
    try:
        vm, _ = await store.vms.get_or_create("vm", "benchmark", time.time())
        alone = await _mints_per_second(store, vm.id, 1, 100 if quick else 500)
        together = await _mints_per_second(store, vm.id, CALLERS, 1600 if quick else 16_000)
        await store.previews.expire_all(vm.id)
        token, _ = await store.previews.mint(vm.id, 3000, 3600)
        assert tokens.is_token(token)
        cached = await _cached_microseconds(store, token, 2_000 if quick else 50_000)
    finally:
        await store.close()
    beside = f"1 caller: {number(alone)} /s"
    rows = [
        Row(
            f"durable mints, {CALLERS} callers",
            together,
            "/s",
            beside,
            together / alone,
            "at least 2,000 /s",
            together >= 2000,
        ),
        Row("look-up, seen before", cached, "µs", "", None, "", None),
    ]
    first = None
    for count in (1, 10_000) if quick else (1, 10_000, 100_000):
        _fill(directory / DATABASE, vm.id, count)
        spent = await _lookup_microseconds(directory / DATABASE, token, 300 if quick else 3_000)
        if first is None:
            first = spent
            rows.append(Row("look-up in SQLite, 1 stored", spent, "µs", "", None, "", None))
        else:
            ratio, beside = spent / first, f"1 stored: {number(first)} µs"
            name = f"look-up in SQLite, {count:,} stored"
            rows.append(Row(name, spent, "µs", beside, ratio, "at most 1.5", ratio <= 1.5))
    return rows


def run(quick: bool = False) -> list[Row]:
    """Measure on the disk of the temporary directory.

    Args:
        quick: fewer rounds and no more than 10,000 rows: to see that it works.

    Returns:
        One row per number.
    """
    with tempfile.TemporaryDirectory(prefix="hatchway-benchmark-") as directory:
        return asyncio.run(_measure(Path(directory), quick))


if __name__ == "__main__":
    print(markdown(run("--quick" in sys.argv)))
