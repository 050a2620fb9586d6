"""Runs the operations that speak WebSocket: where their errors become answers, before and after the handshake."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from hatchway.api.operation import Operation
from hatchway.api.problems import answer_problem, internal_error, log_unexpected
from hatchway.api.query import parse_query
from hatchway.api.services import Services
from hatchway.errors import HatchwayError, NotFound

FAILED = 1011
"""The code of a WebSocket that the server closes because of a fault of its own (RFC 6455 section 7.4.1)."""


class SocketEndpoint:
    """An ASGI app for WebSockets.

    Args:
        services: what does the work.
        operation: one that has a `socket`.
    """

    def __init__(self, services: Services, operation: Operation) -> None:
        self._services = services
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self._operation
        assert operation.socket is not None
        socket = WebSocket(scope, receive, send)
        try:
            socket.state.query, socket.state.lists = parse_query(
                scope["query_string"], operation.query_names, operation.repeated_names
            )
            await operation.socket(self._services, socket)
            return
        except WebSocketDisconnect:
            return  # nobody is left to answer
        except HatchwayError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets one clear answer
            log_unexpected(operation.id, error)
            problem = internal_error()
        await _refuse(socket, problem)


async def refuse_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a handshake for a path that has no WebSocket."""
    error = NotFound(
        "unknown_action",
        "there is no WebSocket at this path",
        "GET /api/openapi.json lists all actions; leave out the header Upgrade",
    )
    await _refuse(WebSocket(scope, receive, send), error)


async def _refuse(socket: WebSocket, error: HatchwayError) -> None:
    if socket.application_state == WebSocketState.CONNECTING:
        await socket.send_denial_response(answer_problem(error))
    elif socket.application_state == WebSocketState.CONNECTED:
        await socket.close(FAILED, error.code)
