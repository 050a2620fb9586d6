"""The tables, as numbered migrations applied in order. `PRAGMA user_version` holds how many were applied.

A migration is never edited once released: a change is a new one at the end.
"""

from __future__ import annotations

import sqlite3

from hatchway.errors import Conflict

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # A destroyed VM keeps its row, and so its slot, until its files are gone; its key is free at once.
        """
        CREATE TABLE vms (
            id TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            key TEXT NOT NULL,
            slot INTEGER NOT NULL UNIQUE,
            created_at REAL NOT NULL,
            destroyed_at REAL
        ) STRICT
        """,
        "CREATE UNIQUE INDEX vms_by_key ON vms (name, key) WHERE destroyed_at IS NULL",
        # AUTOINCREMENT: a grant's id is never used again, so a late "cut everything under grant 7" cannot
        # meet another preview. The digest is the token's SHA-256; the token itself is stored nowhere.
        """
        CREATE TABLE previews (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            digest BLOB NOT NULL UNIQUE,
            vm_id TEXT NOT NULL REFERENCES vms (id),
            port INTEGER NOT NULL,
            created_at REAL NOT NULL,
            expires_at REAL NOT NULL
        ) STRICT
        """,
        "CREATE INDEX previews_by_vm ON previews (vm_id)",
        "CREATE INDEX previews_by_expiry ON previews (expires_at)",
    ),
    (
        # Both are 0 or 1. Previews made before are as they were: without these options.
        "ALTER TABLE previews ADD COLUMN forward_host INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE previews ADD COLUMN app_cors INTEGER NOT NULL DEFAULT 0",
    ),
    (
        # What somebody wrote on a preview to know it again; nothing depends on it.
        "ALTER TABLE previews ADD COLUMN label TEXT NOT NULL DEFAULT ''",
    ),
    (
        # 0 or 1: whether visitors may wake the VM. Those made before could not know it asleep: they wake it.
        "ALTER TABLE previews ADD COLUMN wake INTEGER NOT NULL DEFAULT 1",
        # Seconds; -1 is never, NULL is as the kind of VM has it.
        "ALTER TABLE vms ADD COLUMN pause_after REAL",
        "ALTER TABLE vms ADD COLUMN sleep_after REAL",
        # Declared services: the spec is JSON, as `hatchway.store.services` reads it.
        """
        CREATE TABLE services (
            vm_id TEXT NOT NULL REFERENCES vms (id),
            name TEXT NOT NULL,
            spec TEXT NOT NULL,
            PRIMARY KEY (vm_id, name)
        ) STRICT
        """,
    ),
    (
        # Cron jobs: spec and last_run are JSON, as `hatchway.store.cron` reads them.
        """
        CREATE TABLE cron_jobs (
            vm_id TEXT NOT NULL REFERENCES vms (id),
            id TEXT NOT NULL,
            spec TEXT NOT NULL,
            created_at REAL NOT NULL,
            runs INTEGER NOT NULL DEFAULT 0,
            skipped INTEGER NOT NULL DEFAULT 0,
            last_run TEXT,
            PRIMARY KEY (vm_id, id)
        ) STRICT
        """,
    ),
)

VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date, one transaction per migration.

    Args:
        connection: in autocommit mode.

    Raises:
        Conflict: `data_too_new`, if a later release wrote this database.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > VERSION:
        raise Conflict(
            "data_too_new",
            f"the data directory was written by a newer Hatchway (schema {found}; this one knows {VERSION})",
            "upgrade Hatchway, or choose another directory with --data-dir",
        )
    for number, statements in enumerate(MIGRATIONS[found:], start=found + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
