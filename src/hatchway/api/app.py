"""The control API as an ASGI app."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from hatchway.api.endpoint import Endpoint
from hatchway.api.openapi import build_document
from hatchway.api.problems import answer_problem
from hatchway.api.rivet import routes as rivet
from hatchway.api.routes import OPERATIONS, by_path
from hatchway.api.services import Services
from hatchway.api.sockets import SocketEndpoint, refuse_socket
from hatchway.errors import HatchwayError, InvalidRequest, NotFound

_HINT = "GET /api/openapi.json lists all actions"


def create_app(services: Services) -> Starlette:
    """The app.

    Args:
        services: what does the work. Whoever calls the app has asked `hatchway.api.access` before.
    """
    routes = [
        Route(path, Endpoint(services, operations), methods=sorted(operations))
        for path, operations in by_path().items()
    ]
    sockets = [
        WebSocketRoute(operation.path, SocketEndpoint(services, operation))
        for operation in OPERATIONS
        if operation.socket is not None
    ]
    app = Starlette(
        routes=[*routes, *sockets, *rivet.routes(services)],
        exception_handlers={HTTPException: _answer_unrouted},
    )
    app.router.redirect_slashes = False
    unrouted = app.router.default

    async def default(scope: Scope, receive: Receive, send: Send) -> None:
        await (refuse_socket if scope["type"] == "websocket" else unrouted)(scope, receive, send)

    app.router.default = default
    app.state.openapi = build_document(OPERATIONS, services.version)
    return app


async def _answer_unrouted(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: no such path, or not with this method."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405 and isinstance(error, HTTPException):
        allowed = (error.headers or {}).get("Allow", "")
        methods = ", ".join(sorted(method.strip() for method in allowed.split(",")))
        problem: HatchwayError = InvalidRequest(
            "method_not_allowed", f"this action takes {methods}", _HINT, status=405
        )
        return answer_problem(problem, {"Allow": methods})
    return answer_problem(NotFound("unknown_action", "there is no such action", _HINT))
