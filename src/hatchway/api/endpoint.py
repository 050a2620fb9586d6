"""Runs the operations of one path. The one place where errors become answers."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from hatchway.api.operation import Operation
from hatchway.api.problems import answer_problem, internal_error, log_unexpected
from hatchway.api.query import parse_query
from hatchway.api.services import Services
from hatchway.errors import HatchwayError


class AnswerAborted(Exception):  # noqa: N818 - it says what happened
    """An answer failed after it began. The ASGI server closes the connection, so the client sees that it is cut."""


class Endpoint:
    """An ASGI app.

    Args:
        services: what does the work.
        operations: the operations of this path by method.
    """

    def __init__(self, services: Services, operations: Mapping[str, Operation]) -> None:
        self._services = services
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # HEAD is GET without the content (RFC 9110 section 9.3.2).
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        operation = self._operations[method]
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            if scope["method"] == "HEAD" and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            request = Request(scope, receive)
            request.state.query, request.state.lists = parse_query(
                scope["query_string"], operation.query_names, operation.repeated_names
            )
            answer = await operation.handler(self._services, request)
            await answer(scope, receive, send_and_note)
            return
        except ClientDisconnect:
            return  # nobody is left to answer
        except HatchwayError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets one clear answer
            log_unexpected(operation.id, error)
            problem = internal_error()
        if begun:
            raise AnswerAborted
        await answer_problem(problem)(scope, receive, send_and_note)
