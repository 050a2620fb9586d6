"""One running VM, and what can be asked of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from hatchway.errors import Unavailable
from hatchway.options import Limits
from hatchway.vm.dial import Dialer
from hatchway.vm.event_log import EventLog
from hatchway.vm.machine_files import MachineFiles
from hatchway.vm.port_wait import port_closed
from hatchway.vm.ports import read_ports
from hatchway.vm.processes import Processes
from hatchway.vm.records import ExecRequest, ListeningPort, ProcessEvent, SpawnRequest, Started
from hatchway.vm.sandbox.channel import GuestRefusal, vm_failed
from hatchway.vm.sandbox.sandbox import Guest, Sandbox
from hatchway.vm.shells import Shells
from hatchway.vm.waiting_room import WaitingRoom

SHELL = "/bin/sh"
_FIRST_LOOK, _LONGEST_LOOK = 0.005, 0.1
"""Between two looks at what still runs of a VM that ends, in seconds."""


class Machine(MachineFiles):
    """A running VM. Made by `Machine.boot`; ends by `stop`, or when its guest init ends."""

    def __init__(self, guest: Guest, processes: Processes, shells: Shells) -> None:
        super().__init__(guest.channel)
        self._dialer = Dialer(guest.channel, guest.sockets)
        self.processes = processes
        self.shells = shells
        self._waiting_room = WaitingRoom(self._dialer, processes)
        self.expect_ports = self._waiting_room.expect
        """See `WaitingRoom.expect`."""
        self.restart_clock = self._waiting_room.restart_clock
        """See `WaitingRoom.restart_clock`."""
        processes.attach(guest.channel)
        shells.attach(guest.channel)
        self._channel.ended.add_done_callback(lambda _: self._ended())

    @classmethod
    async def boot(
        cls, sandbox: Sandbox, vm_id: str, slot: int, limits: Limits, layers: Sequence[Path]
    ) -> Machine:
        """Start the VM.

        Raises:
            Unavailable: `vm_boot_failed`.
        """
        processes, shells = Processes(), Shells()

        def exited(pid: int, status: int) -> None:
            processes.exited(pid, status)
            shells.exited(pid, status)

        guest = await sandbox.boot(vm_id, slot, limits, layers, exited)
        return cls(guest, processes, shells)

    def report_to(self, events: EventLog) -> None:
        """Tell `events` from now on what processes and shells do: a machine may run before it is any VM's."""
        self.processes.event_log = self.shells.event_log = events

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return not self._channel.ended.done()

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when nothing of the VM runs any more."""
        return self._channel.ended

    @property
    def init_pid(self) -> int:
        """The host pid of its PID 1."""
        return self._channel.pid

    async def stop(self) -> None:
        """End every process in it at once, and wait until they are gone."""
        self._channel.kill()
        await self._channel.wait_ended()

    async def end(self, grace_seconds: float) -> None:
        """Ask every process in it to end (SIGTERM), wait until they have or the time is up, then `stop`.

        Args:
            grace_seconds: how long they may take.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_seconds
        try:
            if await self.processes.youngest() is not None:
                await self.shells.hang_up()
                await self._ask("terminate")
            pause = _FIRST_LOOK
            while await self.processes.youngest() is not None and loop.time() < deadline:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_LOOK)
        except Unavailable:
            pass  # it has ended meanwhile
        await self.stop()

    async def freeze(self) -> None:
        """Stop every process in it where it is. Nothing may use the VM until `thaw`.

        Raises:
            Unavailable: `vm_stopped`, `vm_failed`.
        """
        await self._ask("freeze")

    async def thaw(self) -> None:
        """Let its processes go on; those that the guest had stopped itself stay so.

        Raises:
            Unavailable: `vm_stopped`, `vm_failed`.
        """
        await self._ask("thaw")

    async def _ask(self, operation: str) -> None:
        try:
            await self._channel.ask(operation)
        except GuestRefusal:
            raise vm_failed() from None

    async def dial(
        self,
        port: int,
        *,
        connect_seconds: float = 5.0,
        wait_seconds: float = 0.0,
        arrived: float | None = None,
    ) -> socket.socket:
        """A connected, non-blocking socket to a service inside.

        Args:
            port: the TCP port.
            connect_seconds: how long a service that listens may take to accept.
            wait_seconds: how long to wait for one that may be just starting; see `port_wait`. 0: not at all.
            arrived: since when the connection is wanted, by the event loop's clock; None: from now on.

        Raises:
            Unavailable: `port_closed` or `process_exited` (502), `port_not_answering` (504), `vm_stopped`, `vm_failed`.
        """
        if arrived is None:
            arrived = asyncio.get_running_loop().time()
        return await self._waiting_room.dial(
            port, connect_seconds=connect_seconds, wait_seconds=wait_seconds, arrived=arrived
        )

    async def ports(self) -> list[ListeningPort]:
        """The TCP ports that are listened on, lowest first.

        Raises:
            Unavailable: `vm_stopped`, `vm_failed`.
        """
        return await read_ports(self._channel)

    async def wait_for_port(self, port: int, seconds: float) -> None:
        """Wait until something accepts connections on a port.

        Other than for a request that is held, it may be a program that has run for long.

        Args:
            port: the TCP port.
            seconds: how long to wait at most.

        Raises:
            Unavailable: `port_closed`: nothing did in time; `process_exited`: the program spawned last has ended, and
                nothing else has started; `vm_stopped`.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        pause = _FIRST_LOOK
        while True:
            left = began + seconds - loop.time()
            try:
                sock = await self.dial(port, wait_seconds=max(left, 0.0))
            except Unavailable as error:
                if error.code != "port_closed":
                    raise
            else:
                sock.close()
                return
            left = began + seconds - loop.time()
            if left <= 0:
                raise port_closed(port, seconds)
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_LOOK)

    @asynccontextmanager
    async def exec(self, request: ExecRequest) -> AsyncIterator[AsyncIterator[ProcessEvent]]:
        """Run a command; its output and its end are iterated over. Leaving the context kills what still runs.

        With `stdin_open` the first event says how to write to it.
        """
        given = request.command
        argv = [SHELL, "-c", given] if isinstance(given, str) else given
        command = await self.processes.execute(
            argv, request.env, request.cwd, request.stdin, stdin_open=request.stdin_open
        )
        first = Started(command.pid) if request.stdin_open else None
        try:
            async with aclosing(self.processes.events(command, request.timeout, first)) as events:
                yield events
        finally:
            # Not left to the generator: closing one that nobody has begun to read runs none of it.
            self.processes.leave(command)

    async def spawn(self, request: SpawnRequest) -> int:
        """Start a program and let it run; its pid inside the VM."""
        argv = [request.command, *request.args]
        return (await self.processes.spawn(argv, request.env, request.cwd, request.stdin)).pid

    def _ended(self) -> None:
        self._dialer.close()
        self._waiting_room.close()
        self.processes.close()
        self.shells.end_with_vm()
