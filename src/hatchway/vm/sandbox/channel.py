"""The server's end of a guest's socket: requests and their answers, and word of the processes that end.

A guest is hostile, and guest init lives among its processes: whatever arrives is checked, and what does not fit
ends the VM rather than being worked around.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import msgspec

from hatchway.errors import Unavailable
from hatchway.vm.sandbox import wire

T = TypeVar("T")

_MESSAGES_PER_TURN = 64
"""How many messages are read before other work of the event loop has its turn."""


class GuestProcess(msgspec.Struct, frozen=True):
    """One process of a VM, in the answer to `processes`."""

    pid: int
    ppid: int
    state: str
    age: float
    memory: int
    name: bytes
    arguments: bytes
    """As in /proc/pid/cmdline."""


class GuestPort(msgspec.Struct, frozen=True):
    """One port that is listened on, in the answer to `ports`."""

    port: int
    address: str
    family: int
    pid: int
    """0: none that can be seen."""
    command: bytes
    """As in /proc/pid/cmdline."""


class Answer(msgspec.Struct, frozen=True):
    """Every message a guest or launcher sends. Which fields are set depends on `op`."""

    op: str
    id: int = 0
    pid: int = 0
    status: int = 0
    errno: int | None = None
    what: str = ""
    step: str = ""
    reason: str = ""
    handle: int = 0
    kind: str | None = None
    size: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    target: str | None = None
    age: float | None = None
    processes: list[GuestProcess] = []
    last: int = 0
    ports: list[GuestPort] = []


CALLED_OFF_SECONDS = 5.0
"""How long one that was called off before it started may take to end: far above what it takes."""


class GuestRefusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """A request that guest init answered with an error number."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(number, what)
        self.number = number
        self.what = what


class _Waiting(NamedTuple):
    """A request without an answer."""

    future: asyncio.Future[Any]
    answered: Callable[[Answer, list[int]], None]


class Channel:
    """Speaks with one guest.

    Args:
        sock: our end of the socket pair, owned by the channel from here on.
        on_exited: called with (pid, wait status) for every process that guest init started and that has ended.
    """

    def __init__(self, sock: socket.socket, on_exited: Callable[[int, int], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._sock.setblocking(False)
        self._on_exited = on_exited
        self._waiting: dict[int, _Waiting] = {}
        self._last_id = 0
        self._outbox: deque[bytes] = deque()
        self._pid = 0
        self._pidfd = -1
        self._called_off = False
        self._launch: asyncio.Future[None] = self._loop.create_future()
        self._launch.add_done_callback(_look_at_exception)
        self._first_sockets: list[int] | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Done when the guest is gone, with every process in it."""
        self._loop.add_reader(self._sock, self._read)

    @property
    def pid(self) -> int:
        """The host pid of guest init; 0 before it has started."""
        return self._pid

    async def launched(self) -> list[int]:
        """Wait until the guest is ready. Returns its first sockets, unconnected, owned by the caller.

        Raises:
            Unavailable: `vm_boot_failed`, with the step that failed.
        """
        await asyncio.shield(self._launch)
        sockets, self._first_sockets = self._first_sockets or [], []
        return sockets

    async def request(self, op: str, **fields: object) -> tuple[Answer, list[int]]:
        """Ask guest init for something.

        Returns:
            The answer and the fds on it, owned by the caller.

        Raises:
            GuestRefusal: guest init answered with an error.
            Unavailable: `vm_stopped`, when the guest ended before it answered.
            ValueError: the request is too long for one message.
        """
        return await self.request_and_take(op, _as_it_is, _close_fds_of, **fields)

    async def ask(self, op: str, **fields: object) -> Answer:
        """As `request`, for what is answered without fds: any that come are closed, whoever waits for the answer."""
        return await self.request_and_take(op, _without_fds, _nothing, **fields)

    async def request_and_take(
        self, op: str, take: Callable[[Answer, list[int]], T], undo: Callable[[T], None], **fields: object
    ) -> T:
        """Ask for something that must not be lost, even if whoever asks is cancelled.

        Args:
            op: the operation.
            take: makes the result of the answer, which owns its fds. Called when the answer arrives, before any later
                message is looked at.
            undo: called with the result when nobody waits for it any more.
            fields: the rest of the request.
        """
        if self.ended.done() or self._sock.fileno() < 0:
            raise vm_stopped()
        self._last_id += 1
        data = wire.encode({"op": op, "id": self._last_id, **fields})
        future: asyncio.Future[T] = self._loop.create_future()

        def answered(answer: Answer, fds: list[int]) -> None:
            if answer.op == "error":
                _close_all(fds)
                if not future.done():
                    future.set_exception(GuestRefusal(answer.errno or 0, answer.what))
                return
            try:
                result = take(answer, fds)
            except Unavailable as error:
                if not future.done():
                    future.set_exception(error)
                return
            if future.done():
                undo(result)
            else:
                future.set_result(result)

        self._waiting[self._last_id] = _Waiting(future, answered)
        self._send(data)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                undo(future.result())  # answered and cancelled in the same turn
            raise

    def kill(self) -> None:
        """End the guest: SIGKILL to its PID 1, and the kernel ends the rest with it (pid_namespaces(7))."""
        if self._pidfd >= 0:
            try:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            except ProcessLookupError:
                pass
        elif self._sock.fileno() >= 0 and not self._called_off:
            # Not started: that it hears no more from here is what ends it, and that its end of the socket is closed
            # says that it has. Should it start in this very moment, it says so with what it is killed by.
            self._called_off = True
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError:
                self._close_socket()
            else:
                self._loop.call_later(CALLED_OFF_SECONDS, self._lost)

    async def wait_ended(self) -> None:
        """Wait until nothing is left of the guest."""
        await asyncio.shield(self.ended)

    def _send(self, data: bytes) -> None:
        if self._outbox:
            self._outbox.append(data)
            return
        try:
            self._sock.send(data)
        except BlockingIOError:
            self._outbox.append(data)
            self._loop.add_writer(self._sock, self._flush)
        except OSError:
            self._lost()

    def _flush(self) -> None:
        try:
            while self._outbox:
                self._sock.send(self._outbox[0])
                self._outbox.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._outbox.clear()
            self._lost()
            return
        self._loop.remove_writer(self._sock)

    def _read(self) -> None:
        for _ in range(_MESSAGES_PER_TURN):
            if self._sock.fileno() < 0:
                return
            try:
                data, fds = wire.receive(self._sock)
            except BlockingIOError:
                return
            except OSError:
                data, fds = b"", []
            if not data:
                _close_all(fds)
                self._lost()
                return
            try:
                answer = msgspec.json.decode(data, type=Answer)
            except msgspec.MsgspecError:
                _close_all(fds)
                self._lost()
                return
            self._take(answer, fds)

    def _take(self, answer: Answer, fds: list[int]) -> None:
        if answer.op in {"done", "error"}:
            waiting = self._waiting.pop(answer.id, None)
            if waiting is not None:
                waiting.answered(answer, fds)
                return
        elif answer.op == "exited":
            self._on_exited(answer.pid, answer.status)
        elif not self._launch.done():
            self._take_launch_step(answer, fds)
            return
        _close_all(fds)

    def _take_launch_step(self, answer: Answer, fds: list[int]) -> None:
        """`started` and `ready` come from two processes, so in either order."""
        if answer.op == "started" and len(fds) == 1 and self._pidfd < 0:
            self._pid, self._pidfd = answer.pid, fds[0]
            self._loop.add_reader(self._pidfd, self._guest_ended)
            if self._called_off:
                self.kill()
                return
        elif answer.op == "ready" and self._first_sockets is None:
            self._first_sockets = fds
        elif answer.op == "failed":
            _close_all(fds)
            self._launch.set_exception(boot_failed(answer.step, answer.reason))
            self.kill()
            return
        else:
            _close_all(fds)
        if self._pidfd >= 0 and self._first_sockets is not None:
            self._launch.set_result(None)

    def _lost(self) -> None:
        """The conversation is over: the guest has ended, or sent what it must not."""
        if self._pidfd >= 0:
            self.kill()
        self._close_socket()

    def _guest_ended(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self._close_socket()

    def _close_socket(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()
        for waiting in self._waiting.values():
            if not waiting.future.done():
                waiting.future.set_exception(vm_stopped())
        self._waiting.clear()
        _close_all(self._first_sockets or [])
        self._first_sockets = []
        if not self._launch.done():
            self._launch.set_exception(boot_failed("start", "the process ended"))
        if self._pidfd < 0 and not self.ended.done():
            self.ended.set_result(None)


def _look_at_exception(future: asyncio.Future[None]) -> None:
    """Keep asyncio from reporting a failure that nobody waits for any more."""
    if not future.cancelled():
        future.exception()


def boot_failed(step: str, reason: str) -> Unavailable:
    """The error for a VM that did not start; `reason` is a system call's own words."""
    return Unavailable(
        "vm_boot_failed",
        f"the VM did not start: could not {step} ({reason})",
        "run `hatchway doctor`: it says what this machine lacks and how to fix it",
    )


def vm_stopped() -> Unavailable:
    """The error for asking a VM that has ended."""
    return Unavailable("vm_stopped", "the VM has stopped", "try again: the VM starts on its next use")


def vm_failed() -> Unavailable:
    """The error for a VM that could not do what it always can."""
    return Unavailable("vm_failed", "the VM could not do what was asked", "try again, or put it to sleep")


def _as_it_is(answer: Answer, fds: list[int]) -> tuple[Answer, list[int]]:
    return answer, fds


def _without_fds(answer: Answer, fds: list[int]) -> Answer:
    _close_all(fds)
    return answer


def _nothing(_answer: Answer) -> None:
    """There is nothing to undo."""


def _close_fds_of(result: tuple[Answer, list[int]]) -> None:
    _close_all(result[1])


def _close_all(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
