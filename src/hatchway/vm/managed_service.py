"""One declared service in a running VM: started, watched, started again."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from hatchway.errors import HatchwayError
from hatchway.vm.event_log import EventLog
from hatchway.vm.machine import Machine
from hatchway.vm.process import Spawned
from hatchway.vm.readiness import wait_ready
from hatchway.vm.records import Exit, KeptOutput
from hatchway.vm.restart_policy import RestartPolicy
from hatchway.vm.service_log import ServiceLog
from hatchway.vm.service_spec import ServiceInfo, ServiceSpec, ServiceState

STOP_SECONDS = 5.0
"""How long a service that is removed may take to end."""


class ManagedService:
    """One service.

    Args:
        spec: what it is.
        log: what it writes goes there.
        events: told when its state changes.
    """

    def __init__(self, spec: ServiceSpec, log: ServiceLog, events: EventLog) -> None:
        self.spec = spec
        self.log = log
        self._events = events
        self._state: ServiceState = "asleep"
        self._changed = asyncio.Event()
        self._process: Spawned | None = None
        self._restarts = 0
        self._end: Exit | None = None
        self._last_words = ""
        self._keeping: asyncio.Task[None] | None = None

    @property
    def info(self) -> ServiceInfo:
        """How it is now."""
        runs = self._process is not None and not self._process.exit.done()
        return ServiceInfo(
            spec=self.spec,
            state=self._state,
            pid=self._process.pid if runs and self._process is not None else None,
            restarts=self._restarts,
            exit_code=None if self._end is None else self._end.exit_code,
            signal=None if self._end is None else self._end.signal,
            last_words=self._last_words,
        )

    @property
    def is_expected(self) -> bool:
        """Whether it is about to be ready, so that a request for its port may wait."""
        return self._state in {"starting", "waiting"}

    def start(self, machine: Machine) -> None:
        """Keep it running in `machine`, until `abandon` or `stop`."""
        self._restarts = 0
        self._to("starting")
        self._keeping = asyncio.get_running_loop().create_task(self._keep(machine))

    def abandon(self) -> asyncio.Task[None] | None:
        """Keep it no longer; its process is left to the VM. Returns the task that is on its way out."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
        self._process = None
        self._to("asleep")
        return keeping

    async def stop(self, machine: Machine | None) -> None:
        """Keep it no longer, and end its process: SIGTERM, and SIGKILL when it takes too long."""
        process = self._process
        keeping = self.abandon()
        if keeping is not None:
            await asyncio.gather(keeping, return_exceptions=True)
        if machine is None or process is None or process.exit.done():
            return
        with contextlib.suppress(HatchwayError):  # it has ended meanwhile, or its VM
            await machine.processes.signal(process.pid, signal.SIGTERM)
            await asyncio.wait([process.exit], timeout=STOP_SECONDS)
            if not process.exit.done():
                await machine.processes.signal(process.pid, signal.SIGKILL)
                await asyncio.wait([process.exit])

    async def settled(self) -> ServiceInfo:
        """Wait until it is ready, has been given up, or is kept no longer."""
        while self.is_expected:
            self._changed.clear()
            await self._changed.wait()
        return self.info

    async def _keep(self, machine: Machine) -> None:
        policy = RestartPolicy()
        loop = asyncio.get_running_loop()
        while True:
            self._to("starting")
            began = loop.time()
            try:
                await self._run(machine)
            except HatchwayError as error:
                if error.code == "vm_stopped":
                    return
                self._end, self._last_words = None, error.message
                self.log.note(f"could not be started: {error.message}")
            delay = policy.delay_after(loop.time() - began)
            if delay is None:
                self.log.note("given up: it ended too often")
                self._to("failed")
                return
            self._to("waiting")
            await asyncio.sleep(delay)
            self._restarts += 1

    async def _run(self, machine: Machine) -> None:
        """From its start to its end."""
        spec = self.spec
        process = await machine.processes.spawn(spec.argv, spec.env, spec.cwd, b"")
        self._process = process
        self.log.note(f"started as pid {process.pid}")
        loop = asyncio.get_running_loop()
        copying = loop.create_task(self._copy(process))
        readying = loop.create_task(self._get_ready(machine))
        try:
            self._end = await asyncio.shield(process.exit)
        finally:
            readying.cancel()
            if not process.exit.done():
                copying.cancel()
            await asyncio.gather(copying, readying, return_exceptions=True)
        self._last_words = process.last_words()
        how = f"code {self._end.exit_code}" if self._end.signal is None else f"signal {self._end.signal}"
        self.log.note(f"ended with {how}")

    async def _get_ready(self, machine: Machine) -> None:
        await wait_ready(machine, self.spec)
        self._to("ready")

    async def _copy(self, process: Spawned) -> None:
        """Put what it writes into the log, until it has ended."""
        with contextlib.suppress(HatchwayError):  # the VM has ended with it
            async for event in process.read(0, follow=True):
                if isinstance(event, KeptOutput):
                    self.log.write(event.data)

    def _to(self, state: ServiceState) -> None:
        if state == self._state:
            return
        self._state = state
        self._changed.set()
        self._events.publish(
            "service_state", service=self.spec.name, state=state, last_words=self._last_words
        )
