"""Grants by token digest: mint, resolve, expire, sweep.

The cache is brought up to date in the very event-loop step that acknowledges a change
(`Database.write(then=…)`), so a revocation that was acknowledged is never answered from memory. One race is
left: a lookup that read the row just before the revocation was committed, and comes back after it. Every
lookup under way is therefore listed, a change to its digest marks it, and a marked lookup reads again before
it answers or remembers anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Collection

from hatchway.errors import NotFound
from hatchway.preview import token as tokens
from hatchway.preview.grant import Grant
from hatchway.store.database import Database
from hatchway.store.grant_cache import GrantCache

SWEEP_BATCH = 500
"""Rows per transaction of a sweep, so that a mint behind it waits for one batch and not for all."""

_GRANT = "id, vm_id, port, expires_at, forward_host, app_cors"
_FIND = f"SELECT {_GRANT} FROM previews WHERE digest = ?"  # noqa: S608 - constant text
_INSERT = (
    "INSERT INTO previews (digest, vm_id, port, created_at, expires_at, forward_host, app_cors)"
    " SELECT ?, id, ?, ?, ?, ?, ? FROM vms WHERE id = ? AND destroyed_at IS NULL"
)
_DELETE = f"DELETE FROM previews WHERE digest = ? AND vm_id = ? RETURNING {_GRANT}"  # noqa: S608
_DELETE_OF_VM = "DELETE FROM previews WHERE vm_id = ? RETURNING id, digest"
_DELETE_EXPIRED = (
    "DELETE FROM previews WHERE id IN"
    " (SELECT id FROM previews WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) RETURNING id, digest"
)

Deleted = list[tuple[int, bytes]]
"""Deleted rows: the grant's id and the token's digest."""


class Previews:
    """All previews of a server.

    Args:
        db: where they are kept.
        clock: seconds since the epoch.
        cache: what is remembered; a new one by default.
    """

    def __init__(self, db: Database, clock: Callable[[], float], cache: GrantCache | None = None) -> None:
        self._db = db
        self._clock = clock
        self._cache = GrantCache() if cache is None else cache
        self._lookups: set[_Lookup] = set()

    async def mint(
        self,
        vm_id: str,
        port: int,
        expires_in_seconds: int,
        *,
        forward_host: bool = False,
        app_cors: bool = False,
    ) -> tuple[str, Grant]:
        """Make a preview; it is on disk when this returns.

        Args:
            vm_id: the VM.
            port: the port inside it, already validated.
            expires_in_seconds: its life, already validated.
            forward_host: the service is told its public host.
            app_cors: the service answers for CORS itself.

        Returns:
            The token, which is kept nowhere, and what it stands for.

        Raises:
            NotFound: `vm_not_found`, if there is no such VM or it was destroyed.
        """
        token = tokens.mint()
        digest = tokens.digest(token)
        now = self._clock()
        expires_at = now + expires_in_seconds

        def insert(connection: sqlite3.Connection) -> Grant:
            values = (digest, port, now, expires_at, forward_host, app_cors, vm_id)
            cursor = connection.execute(_INSERT, values)
            if cursor.rowcount != 1 or cursor.lastrowid is None:
                raise NotFound("vm_not_found", "there is no VM with this id", "it may have been destroyed")
            return Grant(cursor.lastrowid, vm_id, port, expires_at, forward_host, app_cors)

        def remember(grant: Grant) -> None:
            self._mark([digest])
            self._cache.put(digest, grant)

        return token, await self._db.write(insert, remember)

    def resolve(self, token: str) -> Grant | Awaitable[Grant | None] | None:
        """What `token` stands for now; None if it is unknown, revoked or expired.

        Answers at once for tokens seen before; otherwise with an awaitable that asks the database (and may
        raise a `HatchwayError`).
        """
        if not tokens.is_token(token):
            return None
        digest = tokens.digest(token)
        grant = self._cache.get(digest)
        if grant is not None:
            return grant if grant.holds(self._clock()) else None
        if self._cache.is_unknown(digest):
            return None
        return self._look_up(digest)

    async def expire(self, vm_id: str, token: str) -> Grant | None:
        """Revoke a preview of `vm_id`, durably.

        Returns what it stood for; None if there was nothing to revoke.
        """
        if not tokens.is_token(token):
            return None
        digest = tokens.digest(token)

        def delete(connection: sqlite3.Connection) -> Grant | None:
            rows = connection.execute(_DELETE, (digest, vm_id)).fetchall()
            return _grant(*rows[0]) if rows else None

        def forget(grant: Grant | None) -> None:
            if grant is not None:
                self.forget([(grant.id, digest)])

        return await self._db.write(delete, forget)

    async def forget_vm(self, vm_id: str) -> list[int]:
        """Revoke all previews of a VM. Returns the ids of their grants."""
        deleted = await self._db.write(lambda connection: delete_of_vm(connection, vm_id), self.forget)
        return [grant_id for grant_id, _ in deleted]

    async def sweep(self) -> list[int]:
        """Delete the previews that have expired. Returns the ids of their grants."""
        swept: list[int] = []
        now = self._clock()

        def delete(connection: sqlite3.Connection) -> Deleted:
            return connection.execute(_DELETE_EXPIRED, (now, SWEEP_BATCH)).fetchall()

        while True:
            deleted = await self._db.write(delete, self.forget)
            swept += [grant_id for grant_id, _ in deleted]
            if len(deleted) < SWEEP_BATCH:
                return swept

    def forget(self, deleted: Deleted) -> None:
        """Bring memory up to date after rows were deleted.

        Call it in the step that acknowledges the deletion.
        """
        digests = {digest for _, digest in deleted}
        self._mark(digests)
        self._cache.put_unknown(digests)

    async def _look_up(self, digest: bytes) -> Grant | None:
        lookup = _Lookup(digest)
        self._lookups.add(lookup)
        try:
            while lookup.stale:
                lookup.stale = False
                row = await self._db.read(lambda connection: connection.execute(_FIND, (digest,)).fetchone())
        finally:
            self._lookups.discard(lookup)
        if row is None:
            self._cache.put_unknown([digest])
            return None
        grant = _grant(*row)
        self._cache.put(digest, grant)
        return grant if grant.holds(self._clock()) else None

    def _mark(self, digests: Collection[bytes]) -> None:
        for lookup in self._lookups:
            if lookup.digest in digests:
                lookup.stale = True


class _Lookup:
    """A read of one digest that is under way; stale if what it reads may have changed meanwhile."""

    __slots__ = ("digest", "stale")

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.stale = True


def _grant(
    grant_id: int, vm_id: str, port: int, expires_at: float, forward_host: int, app_cors: int
) -> Grant:
    """A row of `_GRANT`. SQLite has no truth values, only 0 and 1."""
    return Grant(grant_id, vm_id, port, expires_at, bool(forward_host), bool(app_cors))


def delete_of_vm(connection: sqlite3.Connection, vm_id: str) -> Deleted:
    """Delete all previews of a VM in the caller's transaction; pass the result to `Previews.forget`."""
    return connection.execute(_DELETE_OF_VM, (vm_id,)).fetchall()
