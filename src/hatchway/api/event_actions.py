"""What a client asks for over the events WebSocket: to type into shells, resize and close them."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from hatchway.api import event_schemas as schemas
from hatchway.api.event_schemas import CloseShell, ErrorMessage, ResizeShell, WriteShell
from hatchway.api.problems import internal_error, log_unexpected
from hatchway.api.schemas import Problem
from hatchway.api.services import Services
from hatchway.api.streamed_body import once
from hatchway.api.targets import check_shell_id
from hatchway.errors import Conflict, HatchwayError, InvalidRequest

MAX_WAITING_BYTES = 1024 * 1024
"""How much may wait for programs that do not read what is typed."""
_LEAST_BYTES = 1024
"""What the shortest message counts for."""


class ClientActions:
    """Does what the client of one WebSocket asks for.

    What is typed into a shell keeps its order. All else goes on meanwhile: the connection is always read, so that a
    client that has gone is noticed, and a shell that does not read can be closed.

    Args:
        services: what does the work.
        vm: the VM's id.
        socket: open.
    """

    def __init__(self, services: Services, vm: str, socket: WebSocket) -> None:
        self._services = services
        self._vm = vm
        self._socket = socket
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Until the client has gone. What was not done by then is called off.

        Raises:
            WebSocketDisconnect: the client has gone.
        """
        try:
            while (received := await self._socket.receive())["type"] != "websocket.disconnect":
                self._begin(received.get("text"))
            await asyncio.sleep(0)  # what came last begins, and is done if nothing stands in its way
            raise WebSocketDisconnect(received.get("code", 1000))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, text: str | None) -> None:
        size = _LEAST_BYTES + len(text or "")
        # Each begins with the task's first turn, and tasks have theirs in the order in which they were made.
        task = asyncio.get_running_loop().create_task(self._do(text, size))
        self._waiting += size
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._done(size))

    def _done(self, size: int) -> None:
        self._waiting -= size

    async def _do(self, text: str | None, size: int) -> None:
        action: schemas.Action | None = None
        try:
            action = _parse(text)
            if isinstance(action, WriteShell) and self._waiting - size > MAX_WAITING_BYTES:
                raise Conflict(
                    "shell_busy",
                    "more was typed than the VM's programs have read",
                    "write less at a time; POST …/write waits until it is read",
                )
            await self._act(action)
            return
        except HatchwayError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
            log_unexpected("events", error)
            problem = internal_error()
        name = None if action is None else str(action.__struct_config__.tag)
        message = ErrorMessage(Problem.of(problem), name, None if action is None else action.shell_id)
        with contextlib.suppress(WebSocketDisconnect):  # the client has gone
            await self._socket.send_text(msgspec.json.encode(message).decode())

    async def _act(self, action: schemas.Action) -> None:
        shell = check_shell_id(action.shell_id)
        if isinstance(action, WriteShell):
            await self._services.write_shell(self._vm, shell, once(action.data))
        elif isinstance(action, ResizeShell):
            await self._services.resize_shell(self._vm, shell, action.cols, action.rows)
        else:
            assert isinstance(action, CloseShell)
            await self._services.close_shell(self._vm, shell)


def _parse(text: str | None) -> schemas.Action:
    if text is None:
        raise InvalidRequest("invalid_message", "messages are JSON text, not bytes")
    try:
        return schemas.parse_action(text)
    except msgspec.ValidationError as error:
        # The message names fields and types, never a value.
        raise InvalidRequest("invalid_message", f"the message is not as expected: {error}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidRequest("invalid_message", "the message is not valid JSON") from None
