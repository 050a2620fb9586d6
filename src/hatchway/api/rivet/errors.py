"""Refusals as the client raises them. Pure.

Their group is none of those by which a client tells that it should try again, and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from hatchway.api.schemas import Problem
from hatchway.errors import HatchwayError

GROUP = "hatchway"


@dataclass(frozen=True, slots=True)
class Failure:
    """What the client makes an error of."""

    group: str
    code: str
    message: str
    metadata: dict[str, Any]


def failure(error: HatchwayError) -> Failure:
    """What is said of an error: its code and message, and in the metadata what there is besides."""
    problem = msgspec.to_builtins(Problem.of(error))
    code, message = problem.pop("code"), problem.pop("message")
    return Failure(GROUP, code, message, problem)


def answer_failure(error: HatchwayError) -> Response:
    """The answer for an error. It is JSON, which the client reads whatever its encoding."""
    found = failure(error)
    body = {"group": found.group, "code": found.code, "message": found.message, "metadata": found.metadata}
    status = error.status if 400 <= error.status <= 599 else 500
    return Response(msgspec.json.encode(body), status, {"Cache-Control": "no-store"}, "application/json")
