"""Reading a JSON body within its limits, and writing one."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hatchway.errors import InvalidRequest

T = TypeVar("T")
MAX_JSON_BYTES = 1024 * 1024


async def read_json(request: Request, schema: type[T]) -> T:
    """The body of a request.

    Raises:
        InvalidRequest: `unsupported_media_type` (415), `body_too_large` (413), `invalid_json`, `invalid_request`.
    """
    # Besides being clear, this keeps HTML forms out: a form cannot send application/json.
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise InvalidRequest(
            "unsupported_media_type",
            "the body must be JSON",
            "send the header Content-Type: application/json",
            status=415,
        )
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > MAX_JSON_BYTES:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_JSON_BYTES:
            raise _too_large()
    try:
        return msgspec.json.decode(body, type=schema)
    except msgspec.ValidationError as error:
        # The message names fields and types, never a value.
        raise InvalidRequest("invalid_request", f"the body is not as expected: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest("invalid_json", "the body is not valid JSON in UTF-8") from None
    except RecursionError:
        raise InvalidRequest("invalid_json", "the body is nested too deeply") from None


def write_json(answer: object, status: int = 200) -> Response:
    """An answer with `answer` as its JSON body."""
    return Response(
        msgspec.json.encode(answer),
        status,
        {"Cache-Control": "no-store"},  # answers hold tokens and files' names
        "application/json",
    )


def no_content() -> Response:
    """An answer without a body: done."""
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


def _too_large() -> InvalidRequest:
    return InvalidRequest(
        "body_too_large",
        f"a JSON body holds at most {MAX_JSON_BYTES} bytes",
        "write large input to a file in the VM first",
        status=413,
    )
