"""An answer that is a refusal, as a `HatchwayError`. Pure."""

from __future__ import annotations

import msgspec

from hatchway.errors import (
    AccessDenied,
    Conflict,
    HatchwayError,
    InvalidRequest,
    NotFound,
    Unavailable,
)


class Problem(msgspec.Struct):
    """The body of every refusal."""

    code: str
    message: str
    hint: str = ""


def error_class(status: int) -> type[HatchwayError]:
    """The class whose meaning an HTTP status has."""
    if status in (401, 403):
        return AccessDenied
    if status == 404:
        return NotFound
    if status == 409:
        return Conflict
    if 400 <= status <= 499:
        return InvalidRequest
    # 500 is a fault of the server's; 502 to 504 and 507 say that something cannot be had now.
    return Unavailable if status > 500 else HatchwayError


def error_from_answer(status: int, body: bytes, code: str | None = None) -> HatchwayError:
    """The error that an answer of the server or gateway stands for.

    Args:
        status: the answer's HTTP status.
        body: its body: `{code, message, hint}`, or a page for people, or nothing (HEAD).
        code: its `Hatchway-Error` header, which says the code where the body does not.
    """
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        if code is None:
            return unexpected_answer(status)
        problem = Problem(code, f"the server refused the request: {code.replace('_', ' ')}")
    return error_class(status)(problem.code, problem.message, problem.hint, status=status)


def unexpected_answer(status: int) -> HatchwayError:
    """The error for an answer that no Hatchway server gives."""
    return HatchwayError(
        "unexpected_answer",
        f"the answer (status {status}) is not one of a Hatchway server",
        "check the server's URL, and that client and server have the same version",
    )
