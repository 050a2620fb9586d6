"""SQLite for an event loop: one writer thread with group commit, one reader thread beside it.

A write is acknowledged once its transaction is on disk (WAL with `synchronous=FULL`,
https://www.sqlite.org/pragma.html#pragma_synchronous). The cost of a commit is its fsync, so the writer takes
all jobs that gathered during the last one into a single transaction. Each has a savepoint of its own: a job
that fails undoes its own work and nobody else's. Reads have a connection of their own and never wait for a
commit.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hatchway.store.schema import migrate
from hatchway.store.worker import Job, Worker

T = TypeVar("T")
_log = logging.getLogger("hatchway.store")

BUSY_TIMEOUT_SECONDS = 5.0
"""How long a statement waits for a lock of another program, such as a backup or the sqlite3 shell."""
CACHE_KIB = 8192
"""SQLite's page cache, per connection."""


class Database:
    """One database file. Made by `Database.open`."""

    def __init__(self, path: Path) -> None:
        self._writer = Worker("hatchway-store-writer", lambda: _connect_writer(path), run_together)
        self._reader = Worker("hatchway-store-reader", lambda: _connect_reader(path), _run_reads)

    @classmethod
    async def open(cls, path: Path) -> Database:
        """Open or create the database at `path` and bring its schema up to date.

        Raises:
            HatchwayError: `data_too_new`, `storage_full`, `storage_failed`.
        """
        database = cls(path)
        await database._writer.start()
        try:
            await database._reader.start()
        except BaseException:
            await database._writer.close()
            raise
        return database

    async def write(
        self, fn: Callable[[sqlite3.Connection], T], then: Callable[[T], None] | None = None
    ) -> T:
        """Run `fn` in the writer thread; return once its transaction is on disk.

        Args:
            fn: makes the changes. It must have no other effect: it is called again if the transaction it
                shared with others failed. What it raises undoes its changes and comes out here.
            then: called in the event loop with the result, in the step that acknowledges it and in the order
                of the commits, even if the caller was cancelled: the place to bring a cache up to date.

        Raises:
            HatchwayError: `storage_full`, `storage_failed`, `store_closed`, or what `fn` raised.
        """
        return await self._writer.submit(fn, then)

    async def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Run `fn` in the reader thread, on one snapshot that holds all that was acknowledged before.

        Raises:
            HatchwayError: `storage_failed`, `store_closed`, or what `fn` raised.
        """
        return await self._reader.submit(fn, None)

    async def close(self) -> None:
        """Finish what is queued, then close. May be called again."""
        await self._reader.close()
        await self._writer.close()  # last: the last connection to close folds the WAL into the database


def run_together(connection: sqlite3.Connection, jobs: list[Job]) -> None:
    """Run writing jobs in one transaction.

    Where that fails as a whole (SQLite undoes all of it when, say, the disk is full), each gets a transaction
    of its own, so that a small one still succeeds and only those that cannot are refused.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            _run_in_savepoint(connection, job)
        connection.execute("COMMIT")
    except BaseException as error:  # noqa: BLE001 - the thread must survive whatever happens to a batch
        with contextlib.suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if len(jobs) == 1:
            jobs[0].error = error
            return
        _log.warning("a transaction of %d writes failed; trying each alone", len(jobs))
        for job in jobs:
            run_together(connection, [job])


def _run_in_savepoint(connection: sqlite3.Connection, job: Job) -> None:
    job.result = job.error = None
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.run(connection)
    except BaseException as error:
        # Some errors end the whole transaction (https://www.sqlite.org/lang_transaction.html#response_to_errors).
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO job")
        job.error = error
    connection.execute("RELEASE job")


def _run_reads(connection: sqlite3.Connection, jobs: list[Job]) -> None:
    for job in jobs:
        try:
            connection.execute("BEGIN")
            try:
                job.result = job.run(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - it belongs to this job's waiter
            job.error = error


def _connect_writer(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_reader(path: Path) -> sqlite3.Connection:
    address = path.absolute().as_uri() + "?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection
