from __future__ import annotations

import sqlite3

import pytest

from hatchway.store import preview_rows
from hatchway.store.schema import migrate


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
        (preview_rows._INSERT, (b"", 1, 0.0, 0.0, 0, 0, "", "vm"), "sqlite_autoindex_vms_1"),
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
