"""An answer made of lines of JSON (NDJSON), each sent as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hatchway.api import schemas
from hatchway.api.disconnect import unless_disconnected
from hatchway.api.operation import NDJSON
from hatchway.api.problems import internal_error, log_unexpected
from hatchway.errors import HatchwayError

E = TypeVar("E")


class LinesAnswer(Generic[E]):
    """An ASGI app.

    The answer begins once its source is open, so that until then a refusal has its status. From then on its last line
    says how it ended: a client notices one that was cut off.

    Args:
        name: the operation's, for the log.
        source: what is told.
        line: how one of its events is printed.
        last: the kind of event that it ends with.
        lost: the error if it ends without.
    """

    def __init__(
        self,
        name: str,
        source: AbstractAsyncContextManager[AsyncIterator[E]],
        line: Callable[[E], schemas.Answer],
        last: type,
        lost: HatchwayError,
    ) -> None:
        self._name = name
        self._source = source
        self._line = line
        self._last = last
        self._lost = lost
        self._begun = self._ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await unless_disconnected(receive, self._send_lines(send, head_only=scope["method"] == "HEAD"))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_lines(self, send: Send, *, head_only: bool) -> None:
        problem: HatchwayError | None = None
        try:
            async with self._source as events:
                headers = Response(headers={"Cache-Control": "no-store"}, media_type=NDJSON).raw_headers
                headers = [header for header in headers if header[0] != b"content-length"]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                self._begun = True
                if head_only:
                    return
                async for event in events:
                    await _send_line(send, self._line(event))
                    if isinstance(event, self._last):
                        self._ended = True
                        break
            problem = self._lost
        except HatchwayError as error:
            if not self._begun:
                raise
            problem = error
        except Exception as error:
            if not self._begun:
                raise
            log_unexpected(self._name, error)
            problem = internal_error()
        if not self._ended:
            await _send_line(send, schemas.ErrorLine(schemas.Problem.of(problem)))


async def _send_line(send: Send, line: schemas.Answer) -> None:
    await send({"type": "http.response.body", "body": msgspec.json.encode(line) + b"\n", "more_body": True})
