from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hatchway.errors import HatchwayError
from hatchway.store import schema
from hatchway.store.database import Database


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    yield opened
    opened.close()


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def objects(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


def test_from_version_0_to_the_last_and_again(connection: sqlite3.Connection) -> None:
    assert version(connection) == 0
    schema.migrate(connection)
    assert version(connection) == schema.VERSION >= 1
    before = objects(connection)
    assert {"vms", "previews", "vms_by_key"} <= before
    schema.migrate(connection)
    assert objects(connection) == before


def test_only_what_is_missing_is_applied(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.migrate(connection)
    connection.execute("INSERT INTO vms VALUES ('a', 'vm', 'k', 0, 1.0, NULL)")
    monkeypatch.setattr(
        schema, "MIGRATIONS", (*schema.MIGRATIONS, ("ALTER TABLE vms ADD COLUMN label TEXT",))
    )
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    schema.migrate(connection)
    assert version(connection) == schema.VERSION
    assert connection.execute("SELECT id, label FROM vms").fetchall() == [("a", None)]


def test_a_migration_that_fails_leaves_nothing_behind(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.migrate(connection)
    before, number = objects(connection), version(connection)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE t (x)", "CREATE nonsense")))
    monkeypatch.setattr(schema, "VERSION", number + 1)
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection)
    assert (objects(connection), version(connection)) == (before, number)
    assert not connection.in_transaction


async def test_a_newer_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "hatchway.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    with pytest.raises(HatchwayError) as caught:
        await Database.open(path)
    assert caught.value.code == "data_too_new"
    assert "upgrade" in caught.value.hint
    connection = sqlite3.connect(path)
    assert version(connection) == schema.VERSION + 1
    assert objects(connection) == set()
    connection.close()
