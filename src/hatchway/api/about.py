"""Operations about the server itself."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hatchway.api import schemas
from hatchway.api.bodies import write_json
from hatchway.api.operation import JSON, Operation, Success
from hatchway.api.services import Services


async def health(services: Services, request: Request) -> Response:
    """The server is up."""
    return write_json(schemas.Health("ok", services.version))


async def describe(services: Services, request: Request) -> Response:
    """The OpenAPI document."""
    return write_json(request.app.state.openapi)


OPERATIONS = (
    Operation(
        "describe",
        "GET",
        "/api/openapi.json",
        "This document",
        describe,
        (Success(200, "An OpenAPI 3.1 document", {JSON: dict}),),
    ),
    Operation(
        "health",
        "GET",
        "/api/health",
        "Whether the server is up",
        health,
        (Success(200, "It is", {JSON: schemas.Health}),),
    ),
)
