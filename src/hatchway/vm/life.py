"""The life of one VM: its state, who uses it, and the ways from one state to another.

Only one step from state to state is under way at a time; whoever needs the VM running waits for it, and then for the
one that wakes it, which all share.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hatchway.errors import HatchwayError, NotFound, Unavailable
from hatchway.options import IdleOptions
from hatchway.vm.event_log import EventLog
from hatchway.vm.machine import Machine
from hatchway.vm.port_watch import PortWatch
from hatchway.vm.states import ShutdownReason, VmState
from hatchway.vm.supervisor import Supervisor

GRACE_SECONDS = 5.0
"""How long the processes of a VM that is put to sleep may take to end."""


class Life:
    """One VM, in whatever state.

    Args:
        boot: starts it.
        supervisor: keeps its declared services.
        events: told of every change.
        idle: after how long without use it is paused and put to sleep.
    """

    def __init__(
        self,
        boot: Callable[[], Awaitable[Machine]],
        supervisor: Supervisor,
        events: EventLog,
        idle: IdleOptions,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._boot = boot
        self.supervisor = supervisor
        self.events = events
        self.idle = idle
        self._machine: Machine | None = None
        self._frozen = False
        self._destroyed = False
        self._turn = asyncio.Lock()
        self._waking: asyncio.Task[Machine] | None = None
        self._users = 0
        self._last_used = self._loop.time()

    # -- what there is to know

    @property
    def state(self) -> VmState:
        """Its state now."""
        machine = self._machine
        if machine is None or not machine.is_running:
            return "asleep"
        return "paused" if self._frozen else "running"

    @property
    def machine(self) -> Machine | None:
        """The VM if it runs right now, unpaused."""
        return self._machine if self.state == "running" else None

    @property
    def in_use(self) -> bool:
        """Whether somebody holds it awake."""
        return self._users > 0

    @property
    def idle_seconds(self) -> float:
        """Since when nobody has used it; 0 while somebody does."""
        return 0.0 if self._users else self._loop.time() - self._last_used

    # -- use

    def begin_use(self) -> None:
        """Somebody needs it awake from now on, until `end_use`."""
        self._users += 1

    def end_use(self) -> None:
        """The end of one use."""
        self._users -= 1
        self.used()

    def used(self) -> None:
        """Somebody has just used it."""
        self._last_used = self._loop.time()

    # -- from state to state

    async def wake(self) -> Machine:
        """The VM, running: resumed or booted if it is not, once however many ask.

        Raises:
            NotFound: `vm_not_found`, when it has been destroyed.
            Unavailable: why it does not boot.
        """
        machine = self.machine
        if machine is not None:
            return machine
        if self._waking is None:
            self._waking = self._loop.create_task(self._wake())
            self._waking.add_done_callback(self._woken)
        # Whoever asked first may be cancelled; the others still wait for it.
        return await asyncio.shield(self._waking)

    async def pause(self, may: Callable[[], bool]) -> bool:
        """Freeze it, if it runs and nobody uses it. Returns whether it is paused now.

        Args:
            may: asked in the very step in which it begins to be paused.
        """
        async with self._turn:
            machine = self.machine
            if machine is None or self._users or not may():
                return self.state == "paused"
            self._frozen = True
            try:
                await machine.freeze()
            except HatchwayError:
                self._frozen = False  # it has ended meanwhile
                return False
            self.events.publish("vm_paused")
            return True

    async def sleep(self, may: Callable[[], bool] = lambda: True) -> None:
        """End its processes, kindly first, and keep its disk. Asleep already is fine.

        Args:
            may: asked in the very step in which it begins.
        """
        async with self._turn:
            machine = self._machine
            if machine is None or not machine.is_running or not may():
                return
            self._machine = None
            try:
                if self._frozen:
                    self._frozen = False
                    await machine.thaw()
                await self.supervisor.stop()
                await machine.end(GRACE_SECONDS)
            except Unavailable:
                pass  # it has ended by itself
            finally:
                await self._end(machine)
            self.events.publish("vm_shutdown", reason="sleep")

    async def end(self, reason: ShutdownReason) -> None:
        """End its processes at once. With `destroy` it never wakes again."""
        self._destroyed = self._destroyed or reason == "destroy"
        async with self._turn:
            machine, self._machine = self._machine, None
            if machine is not None:
                await self._end(machine)
                self.events.publish("vm_shutdown", reason=reason)

    async def close(self) -> None:
        """As `end`, for a server that stops: who waits for it to wake is told."""
        if self._waking is not None:
            self._waking.cancel()
            await asyncio.gather(self._waking, return_exceptions=True)
        await self.end("sleep")

    # -- inside

    async def _wake(self) -> Machine:
        async with self._turn:
            machine = self._machine
            if machine is not None and machine.is_running:
                if await self._resume(machine):
                    return machine
                await self._end(machine)
            if self._destroyed:
                raise NotFound("vm_not_found", "there is no such VM", "it was destroyed: get or create it")
            machine = await self._boot()
            self._machine, self._frozen = machine, False
            self.used()
            machine.report_to(self.events)
            self.events.publish("vm_booted")
            self._watch_ports(machine)  # first, so that the end of its ports is told before its own
            machine.ended.add_done_callback(lambda _: self._ended(machine))
            machine.expect_ports(self.supervisor.expects)
            self.supervisor.start(machine)
            return machine

    def _watch_ports(self, machine: Machine) -> None:
        watch = PortWatch(machine.ports, self.events, lambda: self._frozen)
        machine.processes.changed = watch.stir
        self.events.followed = watch.followed
        machine.ended.add_done_callback(lambda _: watch.stop())

    async def _resume(self, machine: Machine) -> bool:
        if self._frozen:
            try:
                await machine.thaw()
            except Unavailable:
                return False
            self._frozen = False
            machine.processes.changed()  # they go on, and may do what they were about to
            self.used()
            self.events.publish("vm_resumed")
        return True

    async def _end(self, machine: Machine) -> None:
        """Nothing of it runs once this returns, however it is called off."""
        stopping = self._loop.create_task(self._stop(machine))
        await asyncio.shield(stopping)

    async def _stop(self, machine: Machine) -> None:
        await self.supervisor.stop()
        await machine.stop()

    def _woken(self, task: asyncio.Task[Machine]) -> None:
        self._waking = None
        if not task.cancelled():
            task.exception()  # whoever asked has been told, unless all of them have gone

    def _ended(self, machine: Machine) -> None:
        if self._machine is machine:  # else it was ended on purpose
            self._machine, self._frozen = None, False
            self.supervisor.abandon()
            self.events.publish("vm_shutdown", reason="error")
