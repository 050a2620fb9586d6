"""An answer whose content is a guest's: bytes as they come, of a length that is not known before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hatchway.api.disconnect import unless_disconnected

OF_A_GUEST = {
    "Cache-Control": "no-store",
    # What a guest has made must never become a page of the API's own origin.
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "sandbox",
}
"""The headers of content that is a guest's."""


class GuestBytesAnswer:
    """An ASGI app. Its source is opened before the answer begins, so that what stands in the way is a refusal.

    Args:
        source: the pieces.
        media_type: what they are together.
    """

    def __init__(self, source: AbstractAsyncContextManager[AsyncIterator[bytes]], media_type: str) -> None:
        self._source = source
        self._media_type = media_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._source as pieces:
            headers = Response(headers=OF_A_GUEST, media_type=self._media_type).raw_headers
            headers = [header for header in headers if header[0] != b"content-length"]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if scope["method"] != "HEAD":
                await unless_disconnected(receive, _send(pieces, send))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(pieces: AsyncIterator[bytes], send: Send) -> None:
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
