from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from hatchway.errors import HatchwayError
from hatchway.store.database import Database, run_together
from hatchway.store.worker import Job

COLUMNS = "(id, name, key, slot, created_at, destroyed_at)"


def insert(number: int, name: str = "vm") -> str:
    return f"INSERT INTO vms {COLUMNS} VALUES ('id{number}', '{name}', 'key{number}', {number}, 0, NULL)"


def count(connection: sqlite3.Connection) -> int:
    (rows,) = connection.execute("SELECT count(*) FROM vms").fetchone()
    return int(rows)


def rows_on_disk(path: Path) -> int:
    """What a program that knows nothing of ours sees."""
    connection = sqlite3.connect(path)
    try:
        return count(connection)
    finally:
        connection.close()


async def test_an_acknowledged_write_is_committed(database: Database, tmp_path: Path) -> None:
    for number in range(5):
        await database.write(lambda c, n=number: c.execute(insert(n)).rowcount)  # type: ignore[misc]
        assert rows_on_disk(tmp_path / "hatchway.db") == number + 1


async def test_commits_are_synchronous_and_in_wal(database: Database) -> None:
    def pragma(name: str) -> object:
        return lambda connection: connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert await database.write(pragma("synchronous")) == 2  # type: ignore[arg-type]
    assert await database.write(pragma("journal_mode")) == "wal"  # type: ignore[arg-type]
    assert await database.write(pragma("foreign_keys")) == 1  # type: ignore[arg-type]


async def test_writes_that_wait_together_share_one_commit(database: Database, tmp_path: Path) -> None:
    commits: list[str] = []
    started, release = threading.Event(), threading.Event()

    def hold(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        started.set()
        release.wait(30)

    holding = asyncio.ensure_future(database.write(hold))
    await asyncio.to_thread(started.wait, 30)
    writes = [asyncio.ensure_future(database.write(lambda c, n=n: c.execute(insert(n)))) for n in range(50)]  # type: ignore[misc]
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(holding, *writes)
    assert len(commits) == 2
    assert rows_on_disk(tmp_path / "hatchway.db") == 50


async def test_a_job_that_fails_undoes_only_itself(database: Database) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute(insert(98))
        raise ValueError("on purpose")

    started, release = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        started.set()
        release.wait(30)

    holding = asyncio.ensure_future(database.write(hold))
    await asyncio.to_thread(started.wait, 30)
    tasks = [
        asyncio.ensure_future(database.write(lambda c: c.execute(insert(1)).rowcount)),
        asyncio.ensure_future(database.write(half)),
        asyncio.ensure_future(database.write(lambda c: c.execute("INSERT INTO nowhere VALUES (1)"))),
        asyncio.ensure_future(database.write(lambda c: c.execute(insert(2)).rowcount)),
    ]
    await asyncio.sleep(0)
    release.set()
    await holding
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] == results[3] == 1
    assert isinstance(results[1], ValueError)
    assert isinstance(results[2], HatchwayError)
    assert results[2].code == "storage_failed"
    assert "nowhere" not in str(results[2])
    assert await database.read(count) == 2


def test_a_transaction_that_fails_as_a_whole_is_tried_job_by_job() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)")

    def roll_back_everything(c: sqlite3.Connection) -> None:
        c.execute("INSERT INTO t VALUES (7)")
        c.execute("INSERT OR ROLLBACK INTO t VALUES (7)")

    loop = asyncio.new_event_loop()
    jobs = [
        Job(lambda c: c.execute("INSERT INTO t VALUES (1)").rowcount, loop.create_future(), None),
        Job(roll_back_everything, loop.create_future(), None),
        Job(lambda c: c.execute("INSERT INTO t VALUES (2)").rowcount, loop.create_future(), None),
    ]
    run_together(connection, jobs)
    assert [job.error is None for job in jobs] == [True, False, True]
    assert [x for (x,) in connection.execute("SELECT x FROM t")] == [1, 2]
    assert not connection.in_transaction
    connection.close()
    loop.close()


async def test_a_full_disk_is_said_and_harms_nobody_else(database: Database) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        connection.execute(f"UPDATE vms SET name = '{'x' * 100_000}'")

    await database.write(lambda c: c.execute(insert(1)))
    with pytest.raises(HatchwayError) as caught:
        await database.write(fill)
    assert caught.value.code == "storage_full"
    assert caught.value.status == 503
    await database.write(lambda c: c.execute(insert(2)))
    assert await database.read(count) == 2


async def test_a_cancelled_waiter_harms_nobody(database: Database) -> None:
    told: list[int] = []
    started, release = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        started.set()
        release.wait(30)

    holding = asyncio.ensure_future(database.write(hold))
    await asyncio.to_thread(started.wait, 30)
    cancelled = asyncio.ensure_future(
        database.write(lambda c: c.execute(insert(1)).rowcount, lambda n: told.append(n))
    )
    kept = asyncio.ensure_future(database.write(lambda c: c.execute(insert(2)).rowcount))
    await asyncio.sleep(0)
    cancelled.cancel()
    holding.cancel()
    release.set()
    assert await kept == 1
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert told == [1], "the cache must hear of a commit even if its caller has gone"
    assert await database.read(count) == 2


async def test_then_runs_before_the_waiter_and_in_the_order_of_commits(database: Database) -> None:
    order: list[str] = []

    async def write(name: str) -> None:
        await database.write(lambda _: name, lambda n: order.append(f"then {n}"))
        order.append(f"told {name}")

    await asyncio.gather(write("a"), write("b"))
    assert order.index("then a") < order.index("told a")
    assert order.index("then a") < order.index("then b") < order.index("told b")


async def test_an_error_in_then_belongs_to_its_own_job(database: Database) -> None:
    def fail(_: int) -> None:
        raise LookupError("on purpose")

    results = await asyncio.gather(
        database.write(lambda _: 1, fail), database.write(lambda _: 2), return_exceptions=True
    )
    assert isinstance(results[0], LookupError)
    assert results[1] == 2


async def test_stop_iteration_reaches_its_caller_as_an_error(database: Database) -> None:
    with pytest.raises(RuntimeError):
        await database.write(lambda _: next(iter([])))
    assert await database.read(count) == 0


async def test_reads_do_not_wait_for_writes_and_cannot_write(database: Database) -> None:
    started, release = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        started.set()
        release.wait(30)

    holding = asyncio.ensure_future(database.write(hold))
    await asyncio.to_thread(started.wait, 30)
    assert await database.read(count) == 0
    release.set()
    await holding
    with pytest.raises(HatchwayError) as caught:
        await database.read(lambda c: c.execute(insert(1)))
    assert caught.value.code == "storage_failed"


async def test_close_finishes_the_queue_and_refuses_more(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "hatchway.db")
    writes = [asyncio.ensure_future(database.write(lambda c, n=n: c.execute(insert(n)))) for n in range(20)]  # type: ignore[misc]
    await asyncio.sleep(0)
    await asyncio.gather(database.close(), database.close())
    await asyncio.gather(*writes)
    assert rows_on_disk(tmp_path / "hatchway.db") == 20
    for refused in (database.write(count), database.read(count)):
        with pytest.raises(HatchwayError) as caught:
            await refused
        assert caught.value.code == "store_closed"
    assert not [t for t in threading.enumerate() if t.name.startswith("hatchway-store")]


async def test_a_file_that_is_no_database_is_an_error_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "hatchway.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(HatchwayError) as caught:
        await Database.open(tmp_path / "hatchway.db")
    assert caught.value.code == "storage_failed"
    assert str(tmp_path) not in str(caught.value)
    assert not [t for t in threading.enumerate() if t.name.startswith("hatchway-store") and t.is_alive()]
