"""The paths that a client asks for."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route, WebSocketRoute

from hatchway.api.rivet import actors, calls
from hatchway.api.rivet.connection import Connections
from hatchway.api.rivet.endpoint import RivetEndpoint
from hatchway.api.services import Services


def routes(services: Services) -> list[BaseRoute]:
    """The routes of the client's protocol."""
    every_method = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    table = (
        ("/metadata", "GET", "metadata", actors.metadata),
        ("/actors", "GET", "find", actors.find),
        ("/actors", "PUT", "get_or_create", actors.get_or_create),
        ("/actors", "POST", "create", actors.create),
        ("/actors/{actor_id}", "DELETE", "destroy", actors.destroy),
        ("/gateway/{actor}/action/{action}", "POST", "call", calls.call),
    )
    found: list[BaseRoute] = [
        Route(path, RivetEndpoint(services, name, handler), methods=[method])
        for path, method, name, handler in table
    ]
    request = RivetEndpoint(services, "request", calls.no_request)
    paths = ("/gateway/{actor}/request", "/gateway/{actor}/request/{rest:path}")
    found += [Route(path, request, methods=every_method) for path in paths]
    return [*found, WebSocketRoute("/gateway/{actor}/connect", Connections(services))]
