"""Grants by token digest: mint, resolve, list, renew, expire, sweep.

The cache is brought up to date in the very event-loop step that acknowledges a change
(`Database.write(then=…)`), so a revocation that was acknowledged is never answered from memory. One race is
left: a lookup that read the row just before the revocation was committed, and comes back after it. Every
lookup under way is therefore listed, a change to its digest marks it, and a marked lookup reads again before
it answers or remembers anything.

A renewal races with the end that it is to move. It counts if the old end has not come when it is acknowledged, and
what is open learns the new end in that same step. If it has come, whoever used the preview may have been told so, and
it must not come back: it has ended, whatever its row says, and its row is deleted.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Iterable

from hatchway.preview import token as tokens
from hatchway.preview.grant import Grant
from hatchway.store import preview_rows as rows
from hatchway.store.database import Database
from hatchway.store.grant_cache import GrantCache
from hatchway.store.preview_rows import Deleted, PreviewRow, Renewed


class Previews:
    """All previews of a server.

    Args:
        db: where they are kept.
        clock: seconds since the epoch; called in other threads too.
        cache: what is remembered; a new one by default.
    """

    def __init__(self, db: Database, clock: Callable[[], float], cache: GrantCache | None = None) -> None:
        self._db = db
        self._clock = clock
        self._cache = GrantCache() if cache is None else cache
        self._lookups: set[_Lookup] = set()
        self._renewals: set[asyncio.Task[PreviewRow | None]] = set()
        self._late: set[int] = set()
        """Grants that ended while they were renewed: their rows say otherwise until they are deleted."""

    async def mint(
        self,
        vm_id: str,
        port: int,
        expires_in_seconds: int,
        *,
        forward_host: bool = False,
        app_cors: bool = False,
        wake: bool = True,
        label: str = "",
    ) -> tuple[str, Grant]:
        """Make a preview; it is on disk when this returns.

        Args:
            vm_id: the VM.
            port: the port inside it, already validated.
            expires_in_seconds: its life, already validated.
            forward_host: the service is told its public host.
            app_cors: the service answers for CORS itself.
            wake: visitors may wake the VM.
            label: what to know it again by, already validated.

        Returns:
            The token, which is kept nowhere, and what it stands for.

        Raises:
            NotFound: `vm_not_found`, if there is no such VM or it was destroyed.
        """
        token = tokens.mint()
        digest = tokens.digest(token)
        now = self._clock()
        wanted = Grant(0, vm_id, port, now + expires_in_seconds, forward_host, app_cors, wake)

        def insert(connection: sqlite3.Connection) -> Grant:
            return rows.insert(connection, digest, wanted, now, label)

        return token, await self._db.write(insert, lambda grant: self._remember(digest, grant))

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

    async def of_vm(self, vm_id: str) -> list[PreviewRow]:
        """The previews of a VM that hold now, oldest first."""
        now = self._clock()
        found = await self._db.read(lambda connection: rows.of_vm(connection, vm_id, now))
        return [row for row in found if row.grant.id not in self._late]

    async def renew(
        self, vm_id: str, preview_id: str, expires_in_seconds: int, renewed: Callable[[Grant], None]
    ) -> PreviewRow | None:
        """Give a preview of `vm_id` another end, counted from now; it is on disk when this returns.

        Args:
            vm_id: the VM.
            preview_id: of the preview.
            expires_in_seconds: its life from now on, already validated; it may end earlier than before.
            renewed: called with what it stands for from now on, in the step in which that begins to count; or with
                what it stood for, if that has ended meanwhile. Must not raise.

        Returns:
            What is stored of it; None if there is no such preview, or it has ended.
        """
        if not tokens.is_preview_id(preview_id):
            return None
        work = self._renew(vm_id, preview_id, expires_in_seconds, renewed)
        task = asyncio.get_running_loop().create_task(work)
        self._renewals.add(task)
        task.add_done_callback(self._renewal_done)
        # Once begun it is finished, even if whoever asked is cancelled: one that came late has a row to delete.
        return await asyncio.shield(task)

    async def expire(self, vm_id: str, token: str) -> Grant | None:
        """Revoke a preview of `vm_id` by its token, durably.

        Returns what it stood for; None if there was nothing to revoke.
        """
        if not tokens.is_token(token):
            return None
        digest = tokens.digest(token)
        return await self._expire(vm_id, (digest, digest))

    async def expire_id(self, vm_id: str, preview_id: str) -> Grant | None:
        """Revoke a preview of `vm_id` by its id, durably.

        Returns what it stood for; None if there was nothing to revoke.
        """
        if not tokens.is_preview_id(preview_id):
            return None
        return await self._expire(vm_id, tokens.digest_range(preview_id))

    async def expire_all(self, vm_id: str) -> list[int]:
        """Revoke all previews of a VM, durably. Returns the ids of the grants that held."""
        now = self._clock()
        deleted = await self._db.write(lambda connection: rows.delete_of_vm(connection, vm_id), self.forget)
        return [
            each.grant_id for each in deleted if now < each.expires_at and each.grant_id not in self._late
        ]

    async def sweep(self) -> list[int]:
        """Delete the previews that have expired. Returns the ids of their grants."""
        swept: list[int] = []
        now = self._clock()
        while True:
            deleted = await self._db.write(
                lambda connection: rows.delete_expired(connection, now), self.forget
            )
            swept += [each.grant_id for each in deleted]
            if len(deleted) < rows.SWEEP_BATCH:
                return swept

    def forget(self, deleted: Iterable[Deleted]) -> None:
        """Bring memory up to date after rows were deleted.

        Call it in the step that acknowledges the deletion.
        """
        self._forget({each.digest for each in deleted})

    async def _renew(
        self, vm_id: str, preview_id: str, expires_in_seconds: int, renewed: Callable[[Grant], None]
    ) -> PreviewRow | None:
        expires_at = self._clock() + expires_in_seconds

        def update(connection: sqlite3.Connection) -> Renewed | None:
            return rows.renew(connection, vm_id, preview_id, self._clock(), expires_at)

        def decide(found: Renewed | None) -> None:
            if found is None:
                return
            before, after = found.before, found.row.grant
            if before.id not in self._late and before.holds(self._clock()):
                self._remember(found.digest, after)
                renewed(after)
            else:
                self._late.add(before.id)
                self._forget({found.digest})
                renewed(before)

        found = await self._db.write(update, decide)
        if found is None:
            return None
        grant_id = found.before.id
        if grant_id not in self._late:
            return found.row
        await self._db.write(
            lambda connection: rows.delete_grant(connection, grant_id), lambda _: self._late.discard(grant_id)
        )
        return None

    def _renewal_done(self, task: asyncio.Task[PreviewRow | None]) -> None:
        self._renewals.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked has been told, unless they have gone

    async def _expire(self, vm_id: str, digests: tuple[bytes, bytes]) -> Grant | None:
        now = self._clock()

        def forget(deleted: tuple[bytes, Grant] | None) -> None:
            if deleted is not None:
                self._forget({deleted[0]})

        deleted = await self._db.write(lambda connection: rows.delete(connection, vm_id, digests), forget)
        if deleted is None or deleted[1].id in self._late or not deleted[1].holds(now):
            return None
        return deleted[1]

    async def _look_up(self, digest: bytes) -> Grant | None:
        lookup = _Lookup(digest)
        self._lookups.add(lookup)
        try:
            while lookup.stale:
                lookup.stale = False
                grant = await self._db.read(lambda connection: rows.find(connection, digest))
        finally:
            self._lookups.discard(lookup)
        if grant is None or grant.id in self._late:
            self._cache.put_unknown([digest])
            return None
        self._cache.put(digest, grant)
        return grant if grant.holds(self._clock()) else None

    def _remember(self, digest: bytes, grant: Grant) -> None:
        self._mark({digest})
        self._cache.put(digest, grant)

    def _forget(self, digests: Collection[bytes]) -> None:
        self._mark(digests)
        self._cache.put_unknown(digests)

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
