"""VMs by key: their id, their uid slot, their end."""

from __future__ import annotations

import secrets
import sqlite3
import string
from collections.abc import Callable
from dataclasses import dataclass

from hatchway.errors import Unavailable
from hatchway.store.database import Database
from hatchway.store.failures import vm_not_found
from hatchway.store.preview_rows import Deleted, delete_of_vm
from hatchway.store.previews import Previews

ID_LENGTH = 20
ID_ALPHABET = string.ascii_lowercase + string.digits
MAX_SLOT = 60_000
"""The last slot: a uid is 32 bits wide and a VM's uid range usually 16, less what the host uses itself."""

_ROW = "id, name, key, slot, created_at, destroyed_at, pause_after, sleep_after"
_BY_ID = f"SELECT {_ROW} FROM vms WHERE id = ? AND destroyed_at IS NULL"  # noqa: S608 - constant text
_BY_KEY = f"SELECT {_ROW} FROM vms WHERE name = ? AND key = ? AND destroyed_at IS NULL"  # noqa: S608
_LIVE = f"SELECT {_ROW} FROM vms WHERE destroyed_at IS NULL ORDER BY created_at, rowid"  # noqa: S608
_DESTROYED = f"SELECT {_ROW} FROM vms WHERE destroyed_at IS NOT NULL ORDER BY destroyed_at, rowid"  # noqa: S608
_INSERT = f"INSERT INTO vms ({_ROW}) VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL)"  # noqa: S608


@dataclass(frozen=True, slots=True)
class VmRow:
    """What is stored of a VM."""

    id: str
    """20 characters of `[a-z0-9]`."""
    name: str
    """The kind of VM."""
    key: str
    """The key's canonical text (`hatchway.vm.key.format_key`)."""
    slot: int
    """Which uid range is the VM's: a small number from 0 that no other row has."""
    created_at: float
    """Seconds since the epoch."""
    destroyed_at: float | None = None
    """Seconds since the epoch; None while the VM lives."""
    pause_after: float | None = None
    """After how many idle seconds it is paused; `NEVER`; None: as its kind has it."""
    sleep_after: float | None = None
    """The same for sleep."""


NEVER = -1.0
"""Stands for no number of seconds."""


class Vms:
    """All VMs of a server.

    Args:
        db: where they are kept.
        previews: whose memory is brought up to date when a VM's previews go with it.
        skip_slots: says of a slot that something else uses its uid range; called in another thread.
    """

    def __init__(self, db: Database, previews: Previews, skip_slots: Callable[[int], bool]) -> None:
        self._db = db
        self._previews = previews
        self._skip_slots = skip_slots
        self._reserved: set[int] = set()

    async def reserve(self) -> tuple[str, int]:
        """An id and a slot for a VM to come, which no other gets until `release`, or until a VM is made with them.

        Raises:
            Unavailable: `no_free_slot`.
        """

        def reserve(connection: sqlite3.Connection) -> tuple[str, int]:
            slot = self._free_slot(connection)
            self._reserved.add(slot)
            return _new_id(), slot

        return await self._db.write(reserve)

    def release(self, slot: int) -> None:
        """A reserved slot is free again."""
        self._reserved.discard(slot)

    async def get_or_create(
        self,
        name: str,
        key: str,
        now: float,
        take: Callable[[], tuple[str, int] | None] = lambda: None,
        then: Callable[[VmRow, bool], None] = lambda _row, _created: None,
    ) -> tuple[VmRow, bool]:
        """The VM of this name and key, made if there is none; one row however many ask at once.

        Args:
            name: the kind of VM.
            key: the key's canonical text.
            now: seconds since the epoch.
            take: asked if there seems to be none yet: a reserved id and slot for the new one. It has been used if the
                row has that id; then it is reserved no more.
            then: called with the result, in the step that acknowledges it, if `take` was asked; even if the caller was
                cancelled meanwhile.

        Returns:
            The row, on disk, and whether this call made it.

        Raises:
            Unavailable: `no_free_slot`.
        """
        found = await self.by_key(name, key)
        if found is not None:
            return found, False
        taken = take()

        def create(connection: sqlite3.Connection) -> tuple[VmRow, bool]:
            # The one writer thread decides: another caller may have been here since the read above.
            existing = _row(connection.execute(_BY_KEY, (name, key)).fetchone())
            if existing is not None:
                return existing, False
            vm_id, slot = taken or (_new_id(), self._free_slot(connection))
            row = VmRow(vm_id, name, key, slot, now)
            connection.execute(_INSERT, (row.id, row.name, row.key, row.slot, row.created_at))
            return row, True

        def made(result: tuple[VmRow, bool]) -> None:
            if taken is not None and result[0].id == taken[0]:
                self.release(taken[1])
            then(*result)

        return await self._db.write(create, made)

    async def by_id(self, vm_id: str) -> VmRow | None:
        """The VM with this id, unless it was destroyed."""
        return await self._db.read(lambda connection: _row(connection.execute(_BY_ID, (vm_id,)).fetchone()))

    async def by_key(self, name: str, key: str) -> VmRow | None:
        """The VM of this name and key, unless it was destroyed."""
        return await self._db.read(
            lambda connection: _row(connection.execute(_BY_KEY, (name, key)).fetchone())
        )

    async def list(self, name: str | None = None, key: str | None = None) -> list[VmRow]:
        """The VMs that were not destroyed, oldest first.

        Args:
            name: only those of this kind.
            key: only those with this key, as its canonical text.
        """
        if name is not None and key is not None:
            row = await self.by_key(name, key)
            return [] if row is None else [row]
        rows = await self._db.read(lambda connection: [VmRow(*row) for row in connection.execute(_LIVE)])
        return [row for row in rows if name in (None, row.name) and key in (None, row.key)]

    async def set_idle(self, vm_id: str, pause_after: float | None, sleep_after: float | None) -> None:
        """Set after how many idle seconds a VM is paused and put to sleep; see `VmRow`.

        Raises:
            NotFound: `vm_not_found`.
        """

        def update(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "UPDATE vms SET pause_after = ?, sleep_after = ? WHERE id = ? AND destroyed_at IS NULL",
                (pause_after, sleep_after, vm_id),
            ).rowcount

        if await self._db.write(update) != 1:
            raise vm_not_found()

    async def mark_destroyed(self, vm_id: str, now: float) -> tuple[int, ...]:
        """End a VM: its key is free and its previews are revoked at once. Doing it again does nothing.

        Returns:
            The ids of the grants that were revoked, so that what runs under them can be cut.
        """

        def mark(connection: sqlite3.Connection) -> list[Deleted]:
            connection.execute(
                "UPDATE vms SET destroyed_at = ? WHERE id = ? AND destroyed_at IS NULL", (now, vm_id)
            )
            connection.execute("DELETE FROM services WHERE vm_id = ?", (vm_id,))
            connection.execute("DELETE FROM cron_jobs WHERE vm_id = ?", (vm_id,))
            return delete_of_vm(connection, vm_id)

        deleted = await self._db.write(mark, self._previews.forget)
        return tuple(each.grant_id for each in deleted)

    async def destroyed(self) -> tuple[VmRow, ...]:
        """VMs that were destroyed and whose files wait for removal."""
        return await self._db.read(
            lambda connection: tuple(VmRow(*row) for row in connection.execute(_DESTROYED))
        )

    async def ids(self) -> frozenset[str]:
        """Of all VMs with a row: those that live, and those whose files wait for removal."""
        return await self._db.read(
            lambda connection: frozenset(vm_id for (vm_id,) in connection.execute("SELECT id FROM vms"))
        )

    async def purge(self, vm_id: str) -> None:
        """Forget a destroyed VM, once its files are gone: its slot is free. A VM that lives is left alone."""
        await self._db.write(
            lambda connection: (
                connection.execute(
                    "DELETE FROM vms WHERE id = ? AND destroyed_at IS NOT NULL", (vm_id,)
                ).rowcount
            )
        )

    def _free_slot(self, connection: sqlite3.Connection) -> int:
        taken = {slot for (slot,) in connection.execute("SELECT slot FROM vms")} | self._reserved
        for slot in range(MAX_SLOT + 1):
            if slot not in taken and not self._skip_slots(slot):
                return slot
        raise Unavailable(
            "no_free_slot", "every uid range of this machine is in use", "destroy a VM, then try again"
        )


def _row(
    row: tuple[str, str, str, int, float, float | None, float | None, float | None] | None,
) -> VmRow | None:
    return None if row is None else VmRow(*row)


def _new_id() -> str:
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))
