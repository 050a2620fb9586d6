from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest

from hatchway.errors import HatchwayError
from hatchway.preview import token as tokens
from hatchway.preview.grant import Grant
from hatchway.store import schema
from hatchway.store.database import Database
from hatchway.store.store import DATABASE, Store


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
    connection.execute("INSERT INTO vms (id, name, key, slot, created_at) VALUES ('a', 'vm', 'k', 0, 1.0)")
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


def make_version_1(path: Path) -> None:
    """A data directory as the first release left it, with a VM and a preview whose token is `VERSION_1_TOKEN`."""
    path.mkdir()
    connection = sqlite3.connect(path / DATABASE)
    for statement in schema.MIGRATIONS[0]:
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 1")
    connection.execute("INSERT INTO vms VALUES ('a', 'vm', 'k', 0, 1.0, NULL)")
    connection.execute(
        "INSERT INTO previews VALUES (7, ?, 'a', 3000, 1.0, 100.0)", (tokens.digest(VERSION_1_TOKEN),)
    )
    connection.commit()
    connection.close()


VERSION_1_TOKEN = "a" * 32


async def test_previews_of_version_1_keep_working(tmp_path: Path) -> None:
    make_version_1(tmp_path / "data")
    store = await Store.open(tmp_path / "data", lambda: 50.0)
    try:
        lookup = store.previews.resolve(VERSION_1_TOKEN)
        assert isinstance(lookup, Awaitable)
        assert await lookup == Grant(7, "a", 3000, 100.0, forward_host=False, app_cors=False)
        _, grant = await store.previews.mint("a", 3001, 60, forward_host=True, app_cors=True)
        assert grant == Grant(8, "a", 3001, 110.0, forward_host=True, app_cors=True)
        assert await store.previews.expire("a", VERSION_1_TOKEN) == Grant(7, "a", 3000, 100.0)
        assert store.previews.resolve(VERSION_1_TOKEN) is None
    finally:
        await store.close()


@pytest.mark.parametrize("version", [1, 2])
async def test_previews_of_every_release_have_ids_and_labels(tmp_path: Path, version: int) -> None:
    make_version_1(tmp_path / "data")
    connection = sqlite3.connect(tmp_path / "data" / DATABASE)
    for statements in schema.MIGRATIONS[1:version]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()
    store = await Store.open(tmp_path / "data", lambda: 50.0)
    try:
        (row,) = await store.previews.of_vm("a")
        assert row.id == tokens.preview_id(tokens.digest(VERSION_1_TOKEN))
        assert (row.grant, row.created_at, row.label) == (Grant(7, "a", 3000, 100.0), 1.0, "")
        renewed = await store.previews.renew("a", row.id, 600, lambda _: None)
        assert renewed is not None
        assert renewed.grant == Grant(7, "a", 3000, 650.0)
        _, grant = await store.previews.mint("a", 3001, 60, label="new")
        assert [(row.grant.id, row.label) for row in await store.previews.of_vm("a")] == [
            (7, ""),
            (grant.id, "new"),
        ]
        assert await store.previews.expire_id("a", row.id) == renewed.grant
    finally:
        await store.close()


def test_a_first_release_reaches_the_same_schema_as_a_new_database(
    tmp_path: Path, connection: sqlite3.Connection
) -> None:
    make_version_1(tmp_path / "data")
    old = sqlite3.connect(tmp_path / "data" / DATABASE, isolation_level=None)
    schema.migrate(old)
    schema.migrate(connection)
    for table in ("vms", "previews"):
        columns = [each.execute(f"PRAGMA table_info({table})").fetchall() for each in (old, connection)]
        assert columns[0] == columns[1]
    assert objects(old) == objects(connection)
    assert version(old) == schema.VERSION
    assert old.execute("SELECT id, forward_host, app_cors, label FROM previews").fetchall() == [(7, 0, 0, "")]
    old.close()
