"""What happens in one VM, followed over a WebSocket."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterable
from types import TracebackType

from websockets.exceptions import ConnectionClosed

from hatchway.client.aio.concurrency import Lock, pause
from hatchway.client.aio.vm_calls import VmActions, VmCalls
from hatchway.client.aio.websocket import ControlSocket, open_control_socket
from hatchway.client.connection_errors import connection_lost
from hatchway.client.event_answers import Event
from hatchway.client.event_stream import CAUGHT_UP, Failure, events_query, parse_message
from hatchway.errors import ConnectionFailed, HatchwayError, NotFound, Unavailable

RECONNECT_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_VM_DESTROYED = 1000


class Events:
    """What happens in a VM. Made by `agent.events()`; use it in `async with`, and iterate over it.

    When the connection is lost it is made anew, and goes on where it was.

    Args:
        vm: the VM.
        cursor: behind which event to begin.
        kinds: those to be told of; None: all.
        follow: go on with what happens from now on; else end with what is there.
        reconnect_seconds: how long the server may be away.
    """

    def __init__(
        self,
        vm: VmCalls,
        cursor: str | None,
        kinds: Iterable[str] | None,
        *,
        follow: bool,
        reconnect_seconds: float,
    ) -> None:
        self._vm = vm
        self._kinds = kinds if kinds is None or isinstance(kinds, str) else tuple(kinds)
        self._follow = follow
        self._reconnect_seconds = reconnect_seconds
        self._socket: ControlSocket | None = None
        self._connecting = Lock()
        self._first: deque[Event | Failure] = deque()
        self._closed = False
        self.cursor = cursor
        """Where to go on: behind what was told last."""
        self.place = ""
        """The path of the VM in the control API, once it is connected."""
        events_query(cursor, kinds)  # raises for what can be none

    async def __aenter__(self) -> Events:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Event:
        while (message := await self.next()) is not None:
            if isinstance(message, Event):
                if message.kind != CAUGHT_UP:
                    return message
                if not self._follow:
                    break
        await self.aclose()
        raise StopAsyncIteration

    @property
    def closed(self) -> bool:
        """Whether this side has ended it."""
        return self._closed

    async def open(self) -> None:
        """Connect. All that happens after this is told. `async with` does it, and so does the first step."""
        if self._socket is not None or self._closed:
            return
        self._socket = await self._vm.on_vm(self._connect)
        if self.cursor is None:
            # Until there is a cursor, a connection that is lost would leave a gap.
            first = await self.next()
            if first is not None:
                self._first.append(first)

    async def aclose(self) -> None:
        """End the connection. May be called again."""
        self._closed = True
        if self._socket is not None:
            await self._socket.close()

    async def next(self) -> Event | Failure | None:
        """What comes next, all that is told about following itself included; None at the end."""
        await self.open()
        if self._first:
            return self._first.popleft()
        text = await self._receive()
        if text is None:
            return None
        message = parse_message(text)
        if isinstance(message, Event):
            self.cursor = message.cursor
        return message

    async def send(self, message: str) -> None:
        """Send an action. One that was sent when the connection broke may be lost."""
        await self.open()
        while True:
            socket = self._socket
            if socket is None or self._closed:
                raise connection_lost(self._vm.transport.url)
            try:
                await socket.send(message)
                return
            except ConnectionClosed as closed:
                if _is_end(closed):
                    raise connection_lost(self._vm.transport.url) from None
            await self._reconnect(socket)

    async def _receive(self) -> str | bytes | None:
        while not self._closed:
            socket = self._socket
            assert socket is not None
            try:
                return await socket.recv()
            except ConnectionClosed as closed:
                if self.closed or _is_end(closed):
                    return None
            try:
                await self._reconnect(socket)
            except NotFound as error:
                if error.code != "vm_not_found":
                    raise
                return None  # it was destroyed meanwhile
        return None

    async def _reconnect(self, lost: ControlSocket) -> None:
        """Connect again unless another has done so."""
        async with self._connecting:
            if self._socket is not lost:
                return
            with contextlib.suppress(OSError):
                await lost.close()
            began, wait = time.monotonic(), _FIRST_PAUSE
            while not self._closed:
                try:
                    self._socket = await self._connect(self.place)
                    return
                except (ConnectionFailed, Unavailable) as error:
                    if not _may_pass(error) or time.monotonic() - began + wait > self._reconnect_seconds:
                        raise
                await pause(wait)
                wait = min(2 * wait, _LONGEST_PAUSE)

    async def _connect(self, vm: str) -> ControlSocket:
        self.place = vm
        path = f"{vm}/events{events_query(self.cursor, self._kinds)}"
        return await open_control_socket(self._vm.transport, path)


class FollowsEvents(VmActions):
    """What an agent does with events."""

    def events(
        self,
        cursor: str | None = None,
        kinds: Iterable[str] | None = None,
        *,
        follow: bool = True,
        reconnect_seconds: float = RECONNECT_SECONDS,
    ) -> Events:
        """What happens in the VM: `async with agent.events() as events`, then `async for event in events`.

        It does not wake the VM, nor keep it awake. It ends when the VM is destroyed. When the connection is lost it is
        made anew, and nothing is missed that the server still keeps: of each VM the last 4,096 events, with at most
        512 KiB of data. Of what it does not, a `missed` event says how many there were; so it is if this side is too
        slow.

        Args:
            cursor: that of an event, to begin behind it; `"start"`: with all that is kept. By default with what happens
                once `async with` has begun.
            kinds: those to be told of, such as `("process_output", "process_exit")`; by default all.
            follow: go on with what happens from now on; else end with what is there.
            reconnect_seconds: how long the server may be away before this ends by `ConnectionFailed`.

        Raises:
            InvalidRequest: `invalid_cursor`, `invalid_kinds`.
        """
        return Events(self._vm, cursor, kinds, follow=follow, reconnect_seconds=reconnect_seconds)


def _is_end(closed: ConnectionClosed) -> bool:
    """Whether the server has said all there will ever be to say."""
    return closed.rcvd is not None and closed.rcvd.code == _VM_DESTROYED


def _may_pass(error: HatchwayError) -> bool:
    return error.code not in {"certificate_not_trusted", "tls_failed"}
