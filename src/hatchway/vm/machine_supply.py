"""Where the machines of VMs come from: booted for one, or one that waited ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from hatchway.options import VmOptions
from hatchway.software.provider import SoftwareProvider
from hatchway.store.vms import VmRow, Vms
from hatchway.vm.background import Background
from hatchway.vm.machine import Machine
from hatchway.vm.ready_pool import ReadyPool, ReadyVm, has_memory
from hatchway.vm.sandbox.sandbox import Sandbox

PARKED_SECONDS = 60.0
"""How long a VM that was made of a ready one, and that nobody has used yet, may keep it."""

Booted = Callable[[str, int | None, "asyncio.Future[None]"], None]
"""Told the id of a VM that runs, the bytes its disk may take, and what is done when it ends."""


class MachineSupply:
    """The machines of a server's VMs. `close` it when none of them is used any more.

    Args:
        rows: where ids and slots come from.
        sandbox: where they run.
        kinds: the options of each kind of VM, by name.
        software: what provides the software that is in them.
        ready_vms: how many VMs of a kind wait ready at most.
        booted: told of each that a VM gets.
    """

    def __init__(
        self,
        rows: Vms,
        sandbox: Sandbox,
        kinds: Mapping[str, VmOptions],
        software: SoftwareProvider,
        ready_vms: int,
        booted: Booted,
    ) -> None:
        self._rows = rows
        self._sandbox = sandbox
        self._kinds = kinds
        self._software = software
        self._booted = booted
        self._pool = ReadyPool(self._make_ready, self._discard, ready_vms, has_memory)
        self._reserved: set[str] = set()
        """Ids of VMs that have or will have a folder, and no row."""
        self._parked: dict[str, Machine] = {}
        """Machines of VMs that have not been used yet."""
        self._background = Background()

    def take(self, kind: str) -> ReadyVm | None:
        """One that waits, for the caller to `park` or to `discard_soon`; None if none does."""
        return self._pool.take(kind)

    def park(self, ready: ReadyVm) -> None:
        """Keep a machine for the first use of its VM, which has its row by now, for a while."""
        self._reserved.discard(ready.id)
        self._parked[ready.id] = ready.machine
        asyncio.get_running_loop().call_later(
            PARKED_SECONDS, lambda: self._background.start(self.unpark(ready.id))
        )

    async def unpark(self, vm_id: str) -> None:
        """End what is kept for a VM, if anything is."""
        machine = self._parked.pop(vm_id, None)
        if machine is not None:
            await machine.stop()

    def discard_soon(self, ready: ReadyVm) -> None:
        """End one that was taken for nothing, and remove its files, in the background."""
        self._background.start(self._discard(ready))

    async def boot(self, row: VmRow) -> Machine:
        """The machine that is kept for a VM, or a new one.

        Raises:
            Unavailable: `vm_boot_failed`, and what its software cannot provide.
        """
        machine = self._parked.pop(row.id, None)
        if machine is not None and machine.is_running:
            machine.restart_clock()
        else:
            machine = await self._boot_kind(row.name, row.id, row.slot)
        self._booted(row.id, self.kind_of(row.name).limits.disk_bytes, machine.ended)
        return machine

    def kind_of(self, name: str) -> VmOptions:
        """The options of a kind of VM; the defaults for a kind this server no longer offers."""
        return self._kinds.get(name, VmOptions())

    def waiting_ids(self) -> set[str]:
        """The ids of the VMs that wait ready."""
        return self._pool.ids()

    def reserved_ids(self) -> frozenset[str]:
        """The ids of VMs that are no row of the database yet: their folders are not left behind."""
        return frozenset(self._reserved)

    async def close(self) -> None:
        """End what waits and what is kept, and wait until nothing of them is left."""
        await self._pool.close()
        await asyncio.gather(*(self.unpark(vm_id) for vm_id in list(self._parked)))
        await self._background.finish()

    async def _boot_kind(self, kind: str, vm_id: str, slot: int) -> Machine:
        options = self.kind_of(kind)
        layers = await self._software.layers(options.software)
        return await Machine.boot(self._sandbox, vm_id, slot, options.limits, layers)

    async def _make_ready(self, kind: str) -> ReadyVm:
        vm_id, slot = await self._rows.reserve()
        self._reserved.add(vm_id)
        try:
            machine = await self._boot_kind(kind, vm_id, slot)
        except BaseException:
            # A boot that was called off may have left a folder.
            self._background.start(self._give_back(vm_id, slot))
            raise
        return ReadyVm(vm_id, slot, machine)

    async def _discard(self, ready: ReadyVm) -> None:
        await ready.machine.stop()
        await self._give_back(ready.id, ready.slot)

    async def _give_back(self, vm_id: str, slot: int) -> None:
        await self._sandbox.remove(vm_id)
        self._rows.release(slot)
        self._reserved.discard(vm_id)
