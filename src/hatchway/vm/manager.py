"""VMs by key and id: get or create, boot on first use, destroy."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from hatchway.errors import HatchwayError, NotFound, Unavailable
from hatchway.options import VmOptions
from hatchway.software.provider import SoftwareProvider
from hatchway.store.store import Store
from hatchway.store.vms import VmRow
from hatchway.vm.background import Background
from hatchway.vm.event_log import EventLog
from hatchway.vm.key import Key, format_key, unformat_key
from hatchway.vm.machine import Machine
from hatchway.vm.records import VmInfo
from hatchway.vm.sandbox.sandbox import Sandbox

_log = logging.getLogger(__name__)


class VmManager:
    """All VMs of a server.

    Args:
        store: where they are recorded.
        sandbox: where they run.
        kinds: the options of each kind of VM, by name.
        cache_dir: where provided software is kept.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        sandbox: Sandbox,
        kinds: Mapping[str, VmOptions],
        cache_dir: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._sandbox = sandbox
        self._kinds = dict(kinds)
        self._software = SoftwareProvider(cache_dir)
        self._clock = clock
        self._machines: dict[str, Machine] = {}
        self._boots: dict[str, asyncio.Task[Machine]] = {}
        self._destroying: dict[str, asyncio.Task[tuple[int, ...]]] = {}
        self._events: dict[str, EventLog] = {}
        self._removals = Background()
        self._closing = False

    async def start(self) -> None:
        """Go on with removals that an earlier server did not finish."""
        for row in await self._store.vms.destroyed():
            self._remove_soon(row.id)

    async def get_or_create(self, name: str, key: Key) -> tuple[VmInfo, bool]:
        """The VM of this kind and key, recorded if it is new; it boots on its first use.

        Raises:
            NotFound: `unknown_vm_kind`.
        """
        if name not in self._kinds:
            known = ", ".join(sorted(self._kinds))
            raise NotFound("unknown_vm_kind", f"this server has no VMs named {name!r}", f"it has: {known}")
        row, created = await self._store.vms.get_or_create(name, format_key(key), self._clock())
        return self._info(row), created

    async def list(self, name: str | None = None, key: Key | None = None) -> list[VmInfo]:
        """VMs in the order they were made: every one, or those of a kind or key."""
        text = None if key is None else format_key(key)
        return [self._info(row) for row in await self._store.vms.list(name, text)]

    async def get(self, vm_id: str) -> VmInfo:
        """The VM with this id.

        Raises:
            NotFound: `vm_not_found`.
        """
        return self._info(await self._row(vm_id))

    def kind_of(self, name: str) -> VmOptions:
        """The options of a kind of VM; the defaults for a kind this server no longer offers."""
        return self._kinds.get(name, VmOptions())

    async def running(self, vm_id: str) -> Machine:
        """The VM, running: booted if it is not, once however many ask.

        Raises:
            NotFound: `vm_not_found`.
            Unavailable: `vm_boot_failed`, and what its software cannot provide; `stopping`.
        """
        machine = self._machines.get(vm_id)
        if machine is not None and machine.is_running:
            return machine
        boot = self._boots.get(vm_id)
        if boot is None:
            if self._closing:
                raise Unavailable("stopping", "the server is stopping", "try again when it is back")
            boot = asyncio.get_running_loop().create_task(self._boot(vm_id))
            self._boots[vm_id] = boot
            boot.add_done_callback(lambda task: self._booted(vm_id, task))
        # Whoever asked first may be cancelled; the others still wait for this boot.
        return await asyncio.shield(boot)

    @asynccontextmanager
    async def using(self, vm_id: str) -> AsyncIterator[Machine]:
        """The VM, running, and kept running for as long as the context lasts.

        Raises:
            NotFound: `vm_not_found`.
            Unavailable: as for `running`.
        """
        yield await self.running(vm_id)

    def events(self, vm_id: str) -> EventLog:
        """What has happened in a VM since the server started."""
        log = self._events.get(vm_id)
        if log is None:
            log = self._events[vm_id] = EventLog(self._clock)
        return log

    async def destroy(self, vm_id: str) -> tuple[int, ...]:
        """End the VM; its key is free at once, its previews are gone, its files are removed in the background.

        Returns:
            The ids of the grants that were revoked, so that what is open under them can be cut.

        Raises:
            NotFound: `vm_not_found`.
        """
        await self._row(vm_id)
        destroying = self._destroying.get(vm_id)
        if destroying is None:
            destroying = asyncio.get_running_loop().create_task(self._destroy(vm_id))
            self._destroying[vm_id] = destroying
            destroying.add_done_callback(lambda task: self._destroyed(vm_id, task))
        # Once begun it is finished, even if whoever asked is cancelled.
        return await asyncio.shield(destroying)

    async def close(self) -> None:
        """End every VM and wait until nothing of them runs."""
        self._closing = True
        for boot in list(self._boots.values()):
            boot.cancel()
        await asyncio.gather(*self._boots.values(), return_exceptions=True)
        await asyncio.gather(*self._destroying.values(), return_exceptions=True)
        await asyncio.gather(*(machine.stop() for machine in self._machines.values()))
        await self._removals.finish()
        self._machines.clear()

    async def _row(self, vm_id: str) -> VmRow:
        row = await self._store.vms.by_id(vm_id)
        if row is None:
            raise NotFound(
                "vm_not_found", "there is no such VM", "it may have been destroyed: get or create it"
            )
        return row

    async def _boot(self, vm_id: str) -> Machine:
        row = await self._row(vm_id)
        options = self.kind_of(row.name)
        layers = await self._software.layers(options.software)
        machine = await Machine.boot(self._sandbox, vm_id, row.slot, options.limits, layers)
        self._machines[vm_id] = machine
        machine.ended.add_done_callback(lambda _: self._ended(vm_id, machine))
        return machine

    def _booted(self, vm_id: str, task: asyncio.Task[Machine]) -> None:
        del self._boots[vm_id]
        if not task.cancelled():
            task.exception()  # whoever asked has been told, unless all of them have gone

    async def _destroy(self, vm_id: str) -> tuple[int, ...]:
        revoked = await self._store.vms.mark_destroyed(vm_id, self._clock())
        boot = self._boots.get(vm_id)
        if boot is not None:
            await asyncio.wait([boot])
        machine = self._machines.pop(vm_id, None)
        if machine is not None:
            await machine.stop()
        self._remove_soon(vm_id)
        return revoked

    def _destroyed(self, vm_id: str, task: asyncio.Task[tuple[int, ...]]) -> None:
        del self._destroying[vm_id]
        if not task.cancelled():
            task.exception()  # whoever asked has been told, unless all of them have gone

    def _ended(self, vm_id: str, machine: Machine) -> None:
        if self._machines.get(vm_id) is machine:
            del self._machines[vm_id]

    def _remove_soon(self, vm_id: str) -> None:
        async def remove() -> None:
            try:
                await self._sandbox.remove(vm_id)
                await self._store.vms.purge(vm_id)
            except (OSError, HatchwayError) as error:
                why = error.strerror if isinstance(error, OSError) else error.message
                _log.warning("a destroyed VM's files are left until the next start: %s", why)

        self._removals.start(remove())

    def _info(self, row: VmRow) -> VmInfo:
        machine = self._machines.get(row.id)
        return VmInfo(
            id=row.id,
            name=row.name,
            key=unformat_key(row.key),
            state="running" if machine is not None and machine.is_running else "stopped",
            created_at=row.created_at,
        )
