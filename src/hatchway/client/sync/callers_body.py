# Written by tools/generate-sync-client from hatchway/client/aio/callers_body.py.
"""What callers give as a body, as it is put on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hatchway.client.parameters import body_bytes
from hatchway.errors import InvalidRequest

Body = str | bytes | bytearray | memoryview | Iterable[bytes]
"""What can be sent: text (as UTF-8), bytes, or an iterable of bytes, which is streamed."""

Content = bytes | Iterable[bytes]
"""The same, as it is put on the wire."""


def content(body: object) -> Content:
    """A body as it is put on the wire, or `InvalidRequest` `invalid_body`."""
    data = body_bytes(body)
    if data is not None:
        return data
    if isinstance(body, Iterable):
        return body
    raise InvalidRequest(
        "invalid_body",
        f"a body must be text, bytes or an iterable of bytes, not {type(body).__name__}",
        "for JSON, pass json.dumps(value)",
    )


class CallersBody:
    """A streamed request body: as long as declared, and remembering what the caller's iterable raised."""

    def __init__(self, chunks: Iterable[bytes], length: int | None) -> None:
        self._chunks = chunks
        self._length = length
        self.failure: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        try:
            for chunk in self._chunks:
                given: object = chunk
                if not isinstance(given, (bytes, bytearray, memoryview)):
                    raise InvalidRequest(
                        "invalid_body", f"a streamed body must yield bytes, not {type(given).__name__}"
                    )
                piece = bytes(given)
                sent += len(piece)
                if self._length is not None and sent > self._length:
                    raise _other_length(self._length, "more")
                if piece:  # an empty chunk would end a chunked body
                    yield piece
            if self._length is not None and sent < self._length:
                raise _other_length(self._length, f"only {sent}")
        except Exception as error:
            self.failure = error
            raise


def _other_length(declared: int, yielded: str) -> InvalidRequest:
    return InvalidRequest(
        "invalid_body",
        f"the streamed body was to have {declared} bytes and has {yielded}",
        "leave Content-Length out, or make it right",
    )
