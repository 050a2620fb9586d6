"""The events of a VM over one WebSocket, which takes what is typed into its shells too."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from hatchway.api import event_schemas as schemas
from hatchway.api.event_actions import ClientActions
from hatchway.api.operation import Operation, Parameter, Success
from hatchway.api.problems import answer_problem
from hatchway.api.services import Services
from hatchway.api.targets import vm_id
from hatchway.errors import InvalidRequest
from hatchway.vm.event_log import KINDS, EventLog

MAX_MESSAGE_BYTES = 256 * 1024
"""The longest message that a client may send."""
_ENDED = 1000
_CURSOR = re.compile(rb"([0-9a-f]{8})-(0|[1-9][0-9]{0,17})")
_START = b"start"


async def needs_upgrade(services: Services, request: Request) -> Response:
    """Answer who asks without a handshake."""
    await _where(services, request)
    error = InvalidRequest(
        "upgrade_required",
        "events are told over a WebSocket only",
        "open it with a WebSocket client: agent.events(), or hatchway events KEY",
        status=426,
    )
    return answer_problem(error, {"Upgrade": "websocket"})  # RFC 9110 section 15.5.22


async def follow(services: Services, socket: WebSocket) -> None:
    """Tell what happens, and do what the client asks for, until either side ends it."""
    vm = vm_id(socket)
    log, after, kinds = await _where(services, socket)
    await socket.accept()
    telling = asyncio.ensure_future(_tell(socket, log, after, kinds))
    listening = asyncio.ensure_future(ClientActions(services, vm, socket).listen())
    try:
        await asyncio.wait({telling, listening}, return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
        telling.result()
    finally:
        telling.cancel()
        listening.cancel()
        await asyncio.gather(telling, listening, return_exceptions=True)
    await socket.close(_ENDED, "the VM was destroyed")


async def _where(
    services: Services, request: HTTPConnection
) -> tuple[EventLog, int | None, frozenset[str] | None]:
    """What is to be told: of which log, behind which event, and the kinds."""
    query = request.state.query
    kinds = _kinds(query.get("kinds"))
    log = await services.events(vm_id(request))
    return log, _position(query.get("cursor"), log), kinds


async def _tell(socket: WebSocket, log: EventLog, after: int | None, kinds: frozenset[str] | None) -> None:
    async with aclosing(log.read(after, kinds)) as what_is_told:
        async for told in what_is_told:
            await socket.send_text(schemas.message(told, log.epoch).decode())
            await asyncio.sleep(0)  # of a flood every other task has its share


def _kinds(text: bytes | None) -> frozenset[str] | None:
    if text is None:
        return None
    kinds = frozenset(text.decode("latin-1").split(","))
    if not kinds <= KINDS:
        raise InvalidRequest(
            "invalid_kinds", "kinds must name events, with commas between them", ", ".join(sorted(KINDS))
        )
    return kinds


def _position(cursor: bytes | None, log: EventLog) -> int | None:
    """Behind which event of the log to begin; None: behind one of another log."""
    if cursor is None:
        return log.last
    if cursor == _START:
        return 0
    found = _CURSOR.fullmatch(cursor)
    if found is not None and found[1].decode() != log.epoch:
        return None
    if found is None or int(found[2]) > log.last:
        raise InvalidRequest(
            "invalid_cursor", "there is no such cursor", "give that of a message, or `start`, or none"
        )
    return int(found[2])


OPERATIONS = (
    Operation(
        "events",
        "GET",
        "/api/vms/{vm_id}/events",
        "Follow what happens in a VM, over a WebSocket that also takes what is typed into its shells; does not wake it",
        needs_upgrade,
        (Success(101, "The WebSocket is open; each of its messages is JSON text", {}),),
        query=(
            Parameter(
                "cursor",
                "That of the last message that was received, to be told what is kept of those behind it; `start`: all"
                " that is kept. By default what happens from now on.",
                {"type": "string", "pattern": "^(start|[0-9a-f]{8}-(0|[1-9][0-9]{0,17}))$"},
                required=False,
            ),
            Parameter(
                "kinds",
                "Which events to be told of, with commas between them; by default all.",
                {
                    "type": "string",
                    "pattern": f"^({'|'.join(sorted(KINDS))})(,({'|'.join(sorted(KINDS))}))*$",
                },
                required=False,
            ),
        ),
        errors=((400, "invalid_cursor"), (400, "invalid_kinds"), (426, "upgrade_required")),
        socket=follow,
    ),
)
