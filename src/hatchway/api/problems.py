"""Refusals as answers, and what the log says of errors that nobody foresaw."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from hatchway.api.schemas import Problem
from hatchway.errors import HatchwayError

_log = logging.getLogger("hatchway.api")


def answer_problem(error: HatchwayError, headers: Mapping[str, str] | None = None) -> Response:
    """The answer for an error: its status and its `Problem`.

    Args:
        error: what went wrong.
        headers: what the answer carries besides.
    """
    advice = (
        {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    )  # RFC 9110 section 10.2.3
    status = error.status if 400 <= error.status <= 599 else 500
    return Response(
        msgspec.json.encode(Problem.of(error)),
        status,
        {"Cache-Control": "no-store", **advice, **(headers or {})},
        "application/json",
    )


def internal_error() -> HatchwayError:
    """What a client hears of an error that nobody foresaw."""
    return HatchwayError(
        "internal_error", "the server failed to do this; the fault is its own", "see the server's log"
    )


def log_unexpected(operation: str, error: BaseException) -> None:
    """Log where an error came from: its class and the places in the code.

    Neither its message nor any value: both may hold what the client sent.
    """
    places = " < ".join(
        f"{frame.name} ({frame.filename.rpartition('/')[2]}:{frame.lineno})"
        for frame in reversed(traceback.extract_tb(error.__traceback__)[-8:])
    )
    _log.error("%s failed with %s in %s", operation, type(error).__name__, places)
