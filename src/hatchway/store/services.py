"""Declared services: what must be started again whenever a VM wakes."""

from __future__ import annotations

import sqlite3

import msgspec

from hatchway.errors import Conflict
from hatchway.store.database import Database
from hatchway.store.failures import vm_not_found
from hatchway.vm.service_spec import ServiceSpec

MAX_SERVICES = 100
"""Of one VM."""

_PUT = (
    "INSERT INTO services (vm_id, name, spec) SELECT id, ?, ? FROM vms WHERE id = ? AND destroyed_at IS NULL"
    " ON CONFLICT (vm_id, name) DO UPDATE SET spec = excluded.spec"
)


class Services:
    """The declared services of all VMs.

    Args:
        db: where they are kept.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(self, vm_id: str, spec: ServiceSpec) -> None:
        """Declare a service, in the place of the one of its name; it is on disk when this returns.

        Raises:
            NotFound: `vm_not_found`.
            Conflict: `too_many_services`.
        """
        text = msgspec.json.encode(spec).decode()

        def put(connection: sqlite3.Connection) -> None:
            if connection.execute(_PUT, (spec.name, text, vm_id)).rowcount != 1:
                raise vm_not_found()
            count = connection.execute("SELECT count(*) FROM services WHERE vm_id = ?", (vm_id,)).fetchone()[
                0
            ]
            if count > MAX_SERVICES:
                raise Conflict(
                    "too_many_services",
                    f"a VM has at most {MAX_SERVICES} declared services",
                    "remove some of them",
                )

        await self._db.write(put)

    async def remove(self, vm_id: str, name: str) -> bool:
        """Declare a service no longer, durably. False if there was none."""
        return await self._db.write(
            lambda connection: (
                connection.execute(
                    "DELETE FROM services WHERE vm_id = ? AND name = ?", (vm_id, name)
                ).rowcount
                == 1
            )
        )

    async def of_vm(self, vm_id: str) -> list[ServiceSpec]:
        """The declared services of a VM, by name."""
        rows = await self._db.read(
            lambda connection: connection.execute(
                "SELECT spec FROM services WHERE vm_id = ? ORDER BY name", (vm_id,)
            ).fetchall()
        )
        return [msgspec.json.decode(text, type=ServiceSpec) for (text,) in rows]
