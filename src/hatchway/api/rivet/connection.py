"""Connections: actions and events over one WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from hatchway.api.problems import internal_error, log_unexpected
from hatchway.api.rivet import connection_messages as messages
from hatchway.api.rivet import events
from hatchway.api.rivet.actions import act
from hatchway.api.rivet.actor_target import ByKey, parse_actor
from hatchway.api.rivet.actors import vm_of
from hatchway.api.rivet.connection_messages import ActionRequest, SubscriptionRequest, Writer
from hatchway.api.rivet.encodings import ESCAPES_SINCE, Encoding, parse_encoding
from hatchway.api.rivet.endpoint import MAX_BODY_BYTES
from hatchway.api.rivet.errors import GROUP, answer_failure, failure
from hatchway.api.services import Services
from hatchway.errors import Conflict, HatchwayError, InvalidRequest
from hatchway.vm.event_log import Event, EventLog, Missed, Told

MAX_ACTIONS = 256
"""How many actions of one connection may be under way."""

_PROTOCOL = "rivet"
_ENCODING = "rivet_encoding."
_FAILED, _ENDED = 1011, 1000


class Connections:
    """An ASGI app for WebSockets: one connection each.

    Args:
        services: what does the work.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        try:
            await self._connect(socket)
            return
        except WebSocketDisconnect:
            return  # nobody is left to tell
        except HatchwayError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
            log_unexpected("connect", error)
            problem = internal_error()
        with contextlib.suppress(WebSocketDisconnect):
            await _refuse(socket, problem)

    async def _connect(self, socket: WebSocket) -> None:
        target = parse_actor(socket.path_params["actor"], socket.scope["query_string"])
        encoding = _encoding(socket.scope.get("subprotocols", []))
        vm = await vm_of(self._services, target)
        log = await self._services.events(vm)
        await socket.accept(_PROTOCOL)
        await _Connection(
            self._services, vm, log, socket, encoding, is_recent=isinstance(target, ByKey)
        ).run()


async def _refuse(socket: WebSocket, error: HatchwayError) -> None:
    """Say why, in the one place where a client that speaks the protocol looks for it: the reason of a close. Of a
    handshake that is refused it learns nothing, and its calls would wait for ever."""
    connecting = socket.application_state == WebSocketState.CONNECTING
    if connecting and _PROTOCOL not in socket.scope.get("subprotocols", []):
        await socket.send_denial_response(answer_failure(error))
        return
    if connecting:
        await socket.accept(_PROTOCOL)
    if socket.application_state == WebSocketState.CONNECTED:
        await socket.close(_FAILED, f"{GROUP}.{error.code}")


async def _next(reader: AsyncGenerator[Told, None], changing: asyncio.Future[Any]) -> Told | None:
    """What is to be told next; None: `changing` is done, and it has to be read anew."""
    coming = asyncio.ensure_future(anext(reader))
    try:
        await asyncio.wait({coming, changing}, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


def _encoding(protocols: list[str]) -> Encoding:
    if _PROTOCOL not in protocols:
        raise InvalidRequest("invalid_protocol", "a connection speaks the subprotocol `rivet`")
    names = [each.removeprefix(_ENCODING) for each in protocols if each.startswith(_ENCODING)]
    return parse_encoding(names[0] if names else None)


class _Connection:
    """One client's."""

    def __init__(
        self,
        services: Services,
        vm: str,
        log: EventLog,
        socket: WebSocket,
        encoding: Encoding,
        *,
        is_recent: bool,
    ) -> None:
        self._services = services
        self._vm = vm
        self._log = log
        self._socket = socket
        self._writer = Writer(encoding, messages.FIRST_VERSION)
        self._version = ESCAPES_SINCE if is_recent else messages.FIRST_VERSION
        self._since: dict[str, int] = {}
        """The events that are subscribed to, and behind which number of the log."""
        self._read_anew = asyncio.Event()
        self._actions: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until either side ends it. Actions that are under way by then are called off."""
        await self._send(self._writer.init(self._vm, secrets.token_hex(10)))
        if self._writer.encoding is not Encoding.BARE:
            self._writer = Writer(self._writer.encoding, self._version)
        listening = asyncio.ensure_future(self._listen())
        telling = asyncio.ensure_future(self._tell())
        try:
            await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
            telling.result()
        finally:
            for task in (listening, telling, *self._actions):
                task.cancel()
            await asyncio.gather(listening, telling, *self._actions, return_exceptions=True)
        await self._socket.close(_ENDED, f"{GROUP}.vm_destroyed")

    async def _listen(self) -> None:
        while (received := await self._socket.receive())["type"] != "websocket.disconnect":
            data = received.get("bytes")
            await self._take(received["text"] if data is None else data)
        raise WebSocketDisconnect(received.get("code", 1000))

    async def _take(self, data: bytes | str) -> None:
        try:
            if len(data) > MAX_BODY_BYTES:
                raise InvalidRequest("message_too_large", f"a message holds at most {MAX_BODY_BYTES} bytes")
            version, message = messages.read(self._writer.encoding, data)
        except HatchwayError as error:
            await self._send(self._writer.error(failure(error), None))
            return
        if version is not None and version != self._writer.version:
            self._writer = Writer(self._writer.encoding, version)
        if isinstance(message, SubscriptionRequest):
            self._subscribe(message)
        elif len(self._actions) >= MAX_ACTIONS:
            busy = Conflict("too_many_actions", f"{MAX_ACTIONS} actions of this connection are under way")
            await self._send(self._writer.error(failure(busy), message.id))
        else:
            # Each begins with its task's first turn, and tasks have theirs in the order in which they were made.
            task = asyncio.get_running_loop().create_task(self._act(message))
            self._actions.add(task)
            task.add_done_callback(self._actions.discard)

    def _subscribe(self, message: SubscriptionRequest) -> None:
        told_of_ports = self._is_told_of_ports()
        if message.subscribe and message.event in events.TOLD:
            self._since.setdefault(message.event, self._log.last)
        elif not message.subscribe:
            self._since.pop(message.event, None)
        if self._is_told_of_ports() != told_of_ports:
            self._read_anew.set()

    def _is_told_of_ports(self) -> bool:
        return not events.OF_PORTS.isdisjoint(self._since)

    async def _act(self, request: ActionRequest) -> None:
        try:
            output = await act(self._services, self._vm, request.name, request.arguments)
            answer = self._writer.output(request.id, output)
        except HatchwayError as error:
            answer = self._writer.error(failure(error), request.id)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
            log_unexpected(request.name[:100], error)
            answer = self._writer.error(failure(internal_error()), request.id)
        with contextlib.suppress(WebSocketDisconnect):  # the client has gone
            await self._send(answer)

    async def _tell(self) -> None:
        """Tell of events until the VM is gone."""
        position = self._log.last
        while True:
            self._read_anew.clear()
            kinds = events.kinds(ports=self._is_told_of_ports())
            changing = asyncio.ensure_future(self._read_anew.wait())
            async with aclosing(self._log.read(position, kinds)) as reader:
                try:
                    while (told := await _next(reader, changing)) is not None:
                        await self._tell_of(told)
                        position = told.number
                except StopAsyncIteration:
                    return
                finally:
                    changing.cancel()
                    await asyncio.gather(changing, return_exceptions=True)

    async def _tell_of(self, told: Told) -> None:
        if isinstance(told, Event):
            name = events.NAMES[told.kind]
            since = self._since.get(name)
            if since is not None and told.number > since:
                await self._send(self._writer.event(name, [events.payload(told)]))
        elif isinstance(told, Missed) and events.MISSED in self._since:
            await self._send(self._writer.event(events.MISSED, [{"count": told.count}]))
        await asyncio.sleep(0)  # of a flood every other task has its share

    async def _send(self, message: bytes) -> None:
        if self._writer.encoding is Encoding.JSON:
            await self._socket.send_text(message.decode())
        else:
            await self._socket.send_bytes(message)
