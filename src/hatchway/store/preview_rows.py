"""The rows of the table `previews`, and the statements on them. Each function runs in its caller's transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import NamedTuple

from hatchway.preview import token as tokens
from hatchway.preview.grant import Grant
from hatchway.store.failures import vm_not_found

SWEEP_BATCH = 500
"""Rows per transaction of a sweep, so that a mint behind it waits for one batch and not for all."""

_GRANT = "id, vm_id, port, expires_at, forward_host, app_cors, wake"
_ROW = f"digest, created_at, label, {_GRANT}"
_FIND = f"SELECT {_GRANT} FROM previews WHERE digest = ?"  # noqa: S608 - constant text
# The plus keeps SQLite from going through all previews of the VM: one digest, or the few with one id, are fewer.
_FIND_BY_ID = f"SELECT {_ROW} FROM previews WHERE digest BETWEEN ? AND ? AND +vm_id = ?"  # noqa: S608
_LIST = f"SELECT {_ROW} FROM previews WHERE vm_id = ? AND expires_at > ? ORDER BY id"  # noqa: S608
_INSERT = (
    "INSERT INTO previews (digest, vm_id, port, created_at, expires_at, forward_host, app_cors, wake, label)"
    " SELECT ?, id, ?, ?, ?, ?, ?, ?, ? FROM vms WHERE id = ? AND destroyed_at IS NULL"
)
_RENEW = "UPDATE previews SET expires_at = ? WHERE id = ?"
_DELETED = "RETURNING id, digest, expires_at"
_DELETE = f"DELETE FROM previews WHERE digest BETWEEN ? AND ? AND +vm_id = ? RETURNING digest, {_GRANT}"  # noqa: S608
_DELETE_GRANT = "DELETE FROM previews WHERE id = ?"
_DELETE_OF_VM = f"DELETE FROM previews WHERE vm_id = ? {_DELETED}"  # noqa: S608
_DELETE_EXPIRED = (
    "DELETE FROM previews WHERE id IN"  # noqa: S608
    f" (SELECT id FROM previews WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) {_DELETED}"
)


class Deleted(NamedTuple):
    """What is left of a row that was deleted."""

    grant_id: int
    digest: bytes
    expires_at: float


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """What is stored of a preview, but for its token's digest."""

    id: str
    """What it is called where its token must not be: see `hatchway.preview.token`."""
    grant: Grant
    created_at: float
    """Seconds since the epoch."""
    label: str
    """What somebody wrote on it to know it again."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """A row that was given another end."""

    digest: bytes
    before: Grant
    row: PreviewRow


def insert(
    connection: sqlite3.Connection, digest: bytes, grant: Grant, created_at: float, label: str
) -> Grant:
    """Insert a row for `grant`, whose id is not known before. Returns the grant with its id.

    Raises:
        NotFound: `vm_not_found`, if there is no such VM or it was destroyed.
    """
    values = (
        digest,
        grant.port,
        created_at,
        grant.expires_at,
        grant.forward_host,
        grant.app_cors,
        grant.wake,
        label,
        grant.vm_id,
    )
    cursor = connection.execute(_INSERT, values)
    if cursor.rowcount != 1 or cursor.lastrowid is None:
        raise vm_not_found()
    return replace(grant, id=cursor.lastrowid)


def find(connection: sqlite3.Connection, digest: bytes) -> Grant | None:
    """The grant of a token, whether or not it still holds."""
    row = connection.execute(_FIND, (digest,)).fetchone()
    return None if row is None else _grant(*row)


def of_vm(connection: sqlite3.Connection, vm_id: str, now: float) -> list[PreviewRow]:
    """The previews of a VM that hold at `now`, oldest first."""
    return [_preview(*row) for row in connection.execute(_LIST, (vm_id, now))]


def renew(
    connection: sqlite3.Connection, vm_id: str, preview_id: str, now: float, expires_at: float
) -> Renewed | None:
    """Give a preview of a VM that holds at `now` another end; None if there is none."""
    found = connection.execute(_FIND_BY_ID, (*tokens.digest_range(preview_id), vm_id)).fetchone()
    if found is None:
        return None
    digest, before = found[0], _preview(*found)
    if not before.grant.holds(now):
        return None
    connection.execute(_RENEW, (expires_at, before.grant.id))
    after = replace(before.grant, expires_at=expires_at)
    return Renewed(digest, before.grant, replace(before, grant=after))


def delete(
    connection: sqlite3.Connection, vm_id: str, digests: tuple[bytes, bytes]
) -> tuple[bytes, Grant] | None:
    """Delete a preview of a VM whose token's digest lies between two, both included.

    Returns its digest and what it stood for, whether or not it still held.
    """
    row = connection.execute(_DELETE, (*digests, vm_id)).fetchone()
    return None if row is None else (row[0], _grant(*row[1:]))


def delete_grant(connection: sqlite3.Connection, grant_id: int) -> None:
    """Delete the preview with a grant, if it is still there."""
    connection.execute(_DELETE_GRANT, (grant_id,))


def delete_of_vm(connection: sqlite3.Connection, vm_id: str) -> list[Deleted]:
    """Delete all previews of a VM; pass the result to `Previews.forget`."""
    return [Deleted(*row) for row in connection.execute(_DELETE_OF_VM, (vm_id,)).fetchall()]


def delete_expired(connection: sqlite3.Connection, now: float) -> list[Deleted]:
    """Delete at most `SWEEP_BATCH` previews that do not hold at `now` any more, the oldest ends first."""
    return [Deleted(*row) for row in connection.execute(_DELETE_EXPIRED, (now, SWEEP_BATCH)).fetchall()]


def _grant(
    grant_id: int, vm_id: str, port: int, expires_at: float, forward_host: int, app_cors: int, wake: int
) -> Grant:
    """A row of `_GRANT`. SQLite has no truth values, only 0 and 1."""
    return Grant(grant_id, vm_id, port, expires_at, bool(forward_host), bool(app_cors), bool(wake))


def _preview(
    digest: bytes,
    created_at: float,
    label: str,
    grant_id: int,
    vm_id: str,
    port: int,
    expires_at: float,
    forward_host: int,
    app_cors: int,
    wake: int,
) -> PreviewRow:
    """A row of `_ROW`."""
    grant = _grant(grant_id, vm_id, port, expires_at, forward_host, app_cors, wake)
    return PreviewRow(tokens.preview_id(digest), grant, created_at, label)
