"""Runs what a client asks for. The one place where errors become answers that it raises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hatchway.api.problems import internal_error, log_unexpected
from hatchway.api.rivet.errors import answer_failure
from hatchway.api.services import Services
from hatchway.errors import HatchwayError, InvalidRequest

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The longest body of a request, and the longest message of a connection."""

Handler = Callable[[Services, Request], Awaitable[Response]]


class RivetEndpoint:
    """An ASGI app.

    Args:
        services: what does the work.
        name: for the log.
        handler: makes the answer.
    """

    def __init__(self, services: Services, name: str, handler: Handler) -> None:
        self._services = services
        self._name = name
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._handler(self._services, Request(scope, receive))
        except ClientDisconnect:
            return  # nobody is left to answer
        except HatchwayError as error:
            answer = answer_failure(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets one clear answer
            log_unexpected(self._name, error)
            answer = answer_failure(internal_error())
        await answer(scope, receive, send)


async def read_body(request: Request) -> bytes:
    """The whole body of a request.

    Raises:
        InvalidRequest: `body_too_large` (413).
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise InvalidRequest(
                "body_too_large",
                f"a request holds at most {MAX_BODY_BYTES} bytes",
                "write large files by PUT /api/vms/{vm_id}/files, which has no limit",
                status=413,
            )
    return bytes(body)
