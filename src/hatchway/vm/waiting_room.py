"""Who waits for a service in a VM that is just starting. Who may, and what the others are told: `port_wait`.

However many wait for a port, one watch asks for it and looks at what the VM runs; once something listens, each connects
for itself. The watch lives as long as somebody waits.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from hatchway.errors import HatchwayError
from hatchway.vm.dial import Dialer
from hatchway.vm.port_probe import PortProbe
from hatchway.vm.port_wait import Decision, Facts, decide, port_closed, process_exited
from hatchway.vm.processes import Processes

_SHORTEST_PAUSE = 0.002
_LONGEST_PAUSE = 0.05
_PAUSE_SHARE = 0.05
"""Between two attempts to connect passes this share of the time waited so far, so that a start seems longer by no more;
and within these bounds, in seconds. An attempt takes about 25 µs, and the guest no part in it."""

_FIRST_LOOK = 0.02
_LONGEST_LOOK = 1.0
"""Between two looks at what the VM runs, counted anew when a program has ended: what it started may end with it."""


class WaitingRoom:
    """Dials the ports of one VM, and waits for those that may yet be listened on.

    Args:
        dialer: connects.
        processes: those of the VM.
    """

    def __init__(self, dialer: Dialer, processes: Processes) -> None:
        self._loop = asyncio.get_running_loop()
        self._dialer = dialer
        self._processes = processes
        self._booted = self._loop.time()
        self._watches: dict[int, _Watch] = {}
        self._is_expected: Callable[[int], bool] = lambda _port: False

    def restart_clock(self) -> None:
        """The VM counts as booted now."""
        self._booted = self._loop.time()

    def expect(self, is_expected: Callable[[int], bool]) -> None:
        """Have those wait for whose port `is_expected` says that a declared service will listen on it."""
        self._is_expected = is_expected

    async def dial(
        self, port: int, *, connect_seconds: float, wait_seconds: float, arrived: float
    ) -> socket.socket:
        """A connected, non-blocking socket to `port`.

        Args:
            port: the TCP port.
            connect_seconds: how long a service that listens may take to accept.
            wait_seconds: how long to wait at most, from `arrived`, for one that does not listen yet; 0: not at all.
            arrived: when the connection began to be wanted, by the event loop's clock.

        Raises:
            Unavailable: `port_closed`, `process_exited` (502), `port_not_answering` (504), `vm_stopped`, `vm_failed`.
        """
        since, deadline = arrived - wait_seconds, arrived + wait_seconds
        held = 0.0
        while True:
            watch = self._watches.get(port)
            in_time = self._loop.time() < deadline
            if watch is None or not in_time or decide(watch.facts, since) is not Decision.WAIT:
                sock = await self._dialer.connect(port, connect_seconds)
                if sock is not None:
                    return sock
                facts = await self._look(port, since)
                decision = decide(facts, since)
                if decision is Decision.EXITED:
                    raise self._process_exited(port)
                if decision is Decision.CLOSED or self._loop.time() >= deadline:
                    raise port_closed(port, held, may_yet_listen=facts.youngest is not None)
                watch = self._watch(port, since, facts)
            try:
                sock = await watch.wait(deadline)
            except TimeoutError:
                may_yet_listen = watch.facts.youngest is not None
                raise port_closed(port, wait_seconds, may_yet_listen=may_yet_listen) from None
            finally:
                self._leave(port, watch)
            held = self._loop.time() - arrived
            if sock is not None:
                return sock

    def close(self) -> None:
        """The VM has ended: whoever waits dials once more, and is told."""
        for watch in self._watches.values():
            watch.task.cancel()
            watch.give(None)
        self._watches.clear()

    async def _look(self, port: int, since: float) -> Facts:
        last = self._processes.last_spawned()
        if last is not None and last.started >= since and not last.exit.done():
            youngest: float | None = last.started  # young enough: the guest need not be asked
        else:
            youngest = await self._processes.youngest()
            last = self._processes.last_spawned()
        return Facts(
            booted=self._booted,
            youngest=youngest,
            spawned=last is not None,
            last_spawned_ended=last is not None and last.exit.done(),
            expected=self._is_expected(port),
        )

    def _process_exited(self, port: int) -> HatchwayError:
        last = self._processes.last_spawned()
        assert last is not None
        return process_exited(port, last.pid, last.command, last.exit.result(), last.last_words())

    # -- watching a port

    def _watch(self, port: int, since: float, facts: Facts) -> _Watch:
        watch = self._watches.get(port)
        if watch is None:
            watch = self._watches[port] = _Watch()
            watch.task = self._loop.create_task(self._keep_watch(port, since, watch))
        watch.facts = facts
        return watch

    def _leave(self, port: int, watch: _Watch) -> None:
        if not watch.waiters:
            watch.task.cancel()
            if self._watches.get(port) is watch:
                del self._watches[port]

    async def _keep_watch(self, port: int, since: float, watch: _Watch) -> None:
        """Ask for the port until something listens, or the program spawned last has ended and nothing else may."""
        probe = self._dialer.probe(port)
        try:
            if await self._listens(probe, port, since, watch):
                watch.give(probe.take())
            else:
                watch.fail(lambda: self._process_exited(port))
        except HatchwayError:
            pass  # the VM has ended, or failed to make a socket: those who wait find out each for itself
        finally:
            probe.close()
            if self._watches.get(port) is watch:
                del self._watches[port]
            watch.give(None)

    async def _listens(self, probe: PortProbe, port: int, since: float, watch: _Watch) -> bool:
        began = self._loop.time()
        look_pause, look_at = _FIRST_LOOK, began + _FIRST_LOOK
        while True:
            share = _PAUSE_SHARE * (self._loop.time() - began)
            if await self._pause(min(max(share, _SHORTEST_PAUSE), _LONGEST_PAUSE)):
                look_pause, look_at = _FIRST_LOOK, self._loop.time()
            if await probe.ask():
                return True
            if self._loop.time() >= look_at:
                watch.facts = await self._look(port, since)
                if decide(watch.facts, since) is Decision.EXITED:
                    return False
                look_pause = min(2 * look_pause, _LONGEST_LOOK)
                look_at = self._loop.time() + look_pause

    async def _pause(self, seconds: float) -> bool:
        """Whether the program spawned last ended meanwhile; then at once."""
        last = self._processes.last_spawned()
        if last is None or last.exit.done():
            await asyncio.sleep(seconds)
            return False
        await asyncio.wait([last.exit], timeout=seconds)
        return last.exit.done()


class _Watch:
    """Those who wait for one port, and what is known of the VM since the last look."""

    facts: Facts
    task: asyncio.Task[None]

    def __init__(self) -> None:
        self.waiters: dict[asyncio.Future[socket.socket | None], None] = {}

    async def wait(self, deadline: float) -> socket.socket | None:
        """Wait until something listens. The connection that told, or None: to connect is for the caller.

        Raises:
            TimeoutError: nothing did until `deadline`, by the event loop's clock.
            HatchwayError: nothing will.
        """
        future: asyncio.Future[socket.socket | None] = asyncio.get_running_loop().create_future()
        self.waiters[future] = None
        try:
            async with asyncio.timeout_at(deadline):
                return await future
        except BaseException:
            if future.done() and not future.cancelled() and future.exception() is None:
                given = future.result()  # in the very turn in which the caller had enough
                if given is not None:
                    given.close()
            raise
        finally:
            del self.waiters[future]

    def give(self, sock: socket.socket | None) -> None:
        """Something listens: the connection is for whoever has waited longest, the others connect for themselves."""
        for future in self.waiters:
            if not future.done():
                future.set_result(sock)
                sock = None
        if sock is not None:
            sock.close()

    def fail(self, make_error: Callable[[], HatchwayError]) -> None:
        """Nothing will listen."""
        for future in self.waiters:
            if not future.done():
                future.set_exception(make_error())
