"""VMs by key and id: get or create, wake on use, put to sleep, destroy."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from hatchway.errors import Conflict, HatchwayError, NotFound, Unavailable
from hatchway.options import IdleOptions, VmOptions
from hatchway.software.provider import SoftwareProvider
from hatchway.store.store import Store
from hatchway.store.vms import NEVER, VmRow
from hatchway.vm.background import Background
from hatchway.vm.disk_care import DiskCare
from hatchway.vm.event_log import EventLog
from hatchway.vm.key import Key, format_key, unformat_key
from hatchway.vm.life import Life
from hatchway.vm.machine import Machine
from hatchway.vm.machine_supply import MachineSupply
from hatchway.vm.ready_pool import ReadyVm
from hatchway.vm.records import VmInfo
from hatchway.vm.sandbox.sandbox import Sandbox
from hatchway.vm.service_log import remove_logs
from hatchway.vm.supervisor import Supervisor
from hatchway.vm.traffic import NoTraffic, Traffic

_log = logging.getLogger(__name__)


class VmManager:
    """All VMs of a server.

    Args:
        store: where they are recorded.
        sandbox: where they run.
        kinds: the options of each kind of VM, by name.
        cache_dir: where provided software is kept.
        logs_dir: where the logs of declared services are kept.
        clock: seconds since the epoch.
        ready_vms: how many VMs of a kind wait ready at most.
        disk_reserve: see `DiskCare`.
    """

    def __init__(
        self,
        store: Store,
        sandbox: Sandbox,
        kinds: Mapping[str, VmOptions],
        cache_dir: Path,
        logs_dir: Path,
        clock: Callable[[], float] = time.time,
        ready_vms: int = 0,
        disk_reserve: int | None = None,
    ) -> None:
        self._store = store
        self._sandbox = sandbox
        self._kinds = dict(kinds)
        self._clock = clock
        self._logs_dir = logs_dir
        self._lives: dict[str, Life] = {}
        self.traffic: Traffic = NoTraffic()
        """What goes on between visitors and VMs; set by who relays it."""
        self._destroying: dict[str, asyncio.Task[tuple[int, ...]]] = {}
        self._sleeping: set[asyncio.Task[None]] = set()
        self._removals = Background()
        self._closing = False
        stop = self._end_for_its_disk
        self.disks = DiskCare(sandbox.vms, logs_dir, cache_dir, store.vms, stop, disk_reserve)
        software = SoftwareProvider(cache_dir)
        self.machines = MachineSupply(store.vms, sandbox, self._kinds, software, ready_vms, self.disks.booted)

    async def start(self) -> None:
        """Remove what an earlier server has left: VMs that were destroyed, and those that waited ready."""
        for row in await self._store.vms.destroyed():
            self._remove_soon(row.id)
        self.disks.start(self.machines.reserved_ids)

    async def get_or_create(self, name: str, key: Key) -> tuple[VmInfo, bool]:
        """The VM of this kind and key, recorded if it is new; it boots on its first use.

        Raises:
            NotFound: `unknown_vm_kind`.
        """
        if name not in self._kinds:
            known = ", ".join(sorted(self._kinds))
            raise NotFound("unknown_vm_kind", f"this server has no VMs named {name!r}", f"it has: {known}")
        ready: ReadyVm | None = None

        def take() -> tuple[str, int] | None:
            nonlocal ready
            ready = self.machines.take(name)
            return None if ready is None else (ready.id, ready.slot)

        def made(row: VmRow, created: bool) -> None:
            # In the step in which others can find the VM: none may boot another machine, or make another life of it.
            if created:
                self._new_life(row)  # with nothing declared in it: its first use need not ask
            if ready is not None:
                self.machines.park(ready) if row.id == ready.id else self.machines.discard_soon(ready)

        try:
            row, created = await self._store.vms.get_or_create(
                name, format_key(key), self._clock(), take, made
            )
        except HatchwayError:
            if ready is not None:
                self.machines.discard_soon(ready)
            raise
        return self._info(row), created

    def lives(self) -> list[tuple[str, Life]]:
        """The VMs that were used since the server started, by id."""
        return list(self._lives.items())

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

    async def running(self, vm_id: str) -> Machine:
        """The VM, running: woken if it is not, once however many ask. It may be paused again: see `using`.

        Raises:
            NotFound: `vm_not_found`.
            Unavailable: `vm_boot_failed`, and what its software cannot provide; `stopping`.
        """
        return await self._awake(await self.life(vm_id))

    @asynccontextmanager
    async def using(self, vm_id: str) -> AsyncIterator[Machine]:
        """The VM, running, and kept from being paused or put to sleep for want of use as long as the context lasts.

        Raises:
            NotFound: `vm_not_found`.
            Unavailable: as for `running`.
        """
        life = await self.life(vm_id)
        life.begin_use()
        try:
            yield await self._awake(life)
        finally:
            life.end_use()

    def is_awake(self, vm_id: str) -> bool:
        """Whether the VM runs right now, unpaused. Costs a look-up."""
        life = self._lives.get(vm_id)
        return life is not None and life.machine is not None

    async def life(self, vm_id: str) -> Life:
        """The life of a VM, whatever state it is in.

        Raises:
            NotFound: `vm_not_found`.
        """
        life = self._lives.get(vm_id)
        if life is None:
            row = await self._row(vm_id)
            specs = await self._store.services.of_vm(vm_id)
            life = self._lives.get(vm_id)  # another may have asked meanwhile
            if life is None:
                if vm_id in self._destroying:
                    raise _vm_not_found()
                life = self._new_life(row)
                life.supervisor.load(specs)
        return life

    async def events(self, vm_id: str) -> EventLog:
        """What has happened in a VM since the server started.

        Raises:
            NotFound: `vm_not_found`.
        """
        return (await self.life(vm_id)).events

    async def pause(self, vm_id: str) -> None:
        """Freeze a VM that nobody uses. Paused or asleep already is fine.

        Raises:
            NotFound: `vm_not_found`.
            Conflict: `vm_in_use`.
        """
        life = await self.life(vm_id)
        if not await life.pause(partial(self.may_pause, vm_id)) and life.state == "running":
            raise Conflict(
                "vm_in_use",
                "the VM is in use: a connection, a command or a shell is open",
                "end what uses it, or put it to sleep, which ends it all",
            )

    def may_pause(self, vm_id: str) -> bool:
        """Whether no connection into the VM is in use; if so, those that idle are dropped, in this very step."""
        if vm_id in self.traffic.busy_vms():
            return False
        self.traffic.forget_vm(vm_id)  # a frozen service would not notice a request on one of them
        return True

    async def sleep(self, vm_id: str) -> None:
        """End a VM's processes, whoever uses them, and keep its disk. Asleep already is fine.

        Raises:
            NotFound: `vm_not_found`.
        """
        await asyncio.shield(self.sleep_soon(await self.life(vm_id)))
        self.traffic.forget_vm(vm_id)

    def sleep_soon(self, life: Life, may: Callable[[], bool] = lambda: True) -> asyncio.Task[None]:
        """As `Life.sleep`, in a task of its own: once begun it is finished, even if whoever asked is cancelled."""
        sleeping = asyncio.get_running_loop().create_task(life.sleep(may))
        self._sleeping.add(sleeping)
        sleeping.add_done_callback(self._sleeping.discard)
        return sleeping

    async def set_idle(self, vm_id: str, options: IdleOptions) -> VmInfo:
        """Set after how long without use a VM is paused and put to sleep, durably.

        Raises:
            NotFound: `vm_not_found`.
        """
        stored = (NEVER if each is None else each for each in (options.pause_after, options.sleep_after))
        await self._store.vms.set_idle(vm_id, *stored)
        (await self.life(vm_id)).idle = options
        return await self.get(vm_id)

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
        await self.disks.close()
        await asyncio.gather(*self._destroying.values(), *self._sleeping, return_exceptions=True)
        await asyncio.gather(*(life.close() for life in self._lives.values()))
        await self.machines.close()
        await self._removals.finish()
        self._lives.clear()

    async def _row(self, vm_id: str) -> VmRow:
        row = await self._store.vms.by_id(vm_id)
        if row is None:
            raise _vm_not_found()
        return row

    def _new_life(self, row: VmRow) -> Life:
        events = EventLog(self._clock)
        supervisor = Supervisor(self._logs_dir / row.id, events)
        life = Life(partial(self.machines.boot, row), supervisor, events, self._idle(row))
        self._lives[row.id] = life
        return life

    async def _awake(self, life: Life) -> Machine:
        if self._closing and life.machine is None:
            raise Unavailable("stopping", "the server is stopping", "try again when it is back")
        machine = await life.wake()
        life.used()
        return machine

    async def _destroy(self, vm_id: str) -> tuple[int, ...]:
        revoked = await self._store.vms.mark_destroyed(vm_id, self._clock())
        life = self._lives.get(vm_id)
        if life is not None:
            await life.end("destroy")
            self._lives.pop(vm_id, None)
            life.events.close()
        await self.machines.unpark(vm_id)
        self._remove_soon(vm_id)
        return revoked

    def _destroyed(self, vm_id: str, task: asyncio.Task[tuple[int, ...]]) -> None:
        del self._destroying[vm_id]
        if not task.cancelled():
            task.exception()  # whoever asked has been told, unless all of them have gone

    async def _end_for_its_disk(self, vm_id: str, taken: int, limit: int | None) -> None:
        life = self._lives.get(vm_id)
        machine = None if life is None else life.machine
        if life is not None and machine is not None:
            life.events.publish("vm_disk_full", bytes=taken, limit=limit)
            await machine.stop()
            self.traffic.forget_vm(vm_id)

    def _remove_soon(self, vm_id: str) -> None:
        async def remove() -> None:
            try:
                await self._sandbox.remove(vm_id)
                remove_logs(self._logs_dir / vm_id)
                await self._store.vms.purge(vm_id)
            except (OSError, HatchwayError) as error:
                why = error.strerror if isinstance(error, OSError) else error.message
                _log.warning("a destroyed VM's files are left until the next start: %s", why)

        self._removals.start(remove())

    def _info(self, row: VmRow) -> VmInfo:
        life = self._lives.get(row.id)
        idle = self._idle(row)
        return VmInfo(
            id=row.id,
            name=row.name,
            key=unformat_key(row.key),
            state="asleep" if life is None else life.state,
            created_at=row.created_at,
            pause_after=idle.pause_after,
            sleep_after=idle.sleep_after,
        )

    def _idle(self, row: VmRow) -> IdleOptions:
        """What holds for this VM: its own, else its kind's."""
        kind = self.machines.kind_of(row.name).idle
        return IdleOptions(
            _seconds(row.pause_after, kind.pause_after), _seconds(row.sleep_after, kind.sleep_after)
        )


def _seconds(stored: float | None, of_kind: float | None) -> float | None:
    if stored is None:
        return of_kind
    return None if stored == NEVER else stored


def _vm_not_found() -> NotFound:
    return NotFound("vm_not_found", "there is no such VM", "it may have been destroyed: get or create it")
