"""The paths that a client asks for."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import BaseRoute, Route, WebSocketRoute

from hatchway.api.rivet import actors, calls
from hatchway.api.rivet.connection import Connections
from hatchway.api.rivet.endpoint import RivetEndpoint
from hatchway.api.services import Services

_ACTOR = "/gateway/{actor:rivet_actor}"


class _ActorConvertor(Convertor[str]):
    """The actor in a path, with the token behind it: paths are decoded, so a slash in the token is one here."""

    regex = "[^/@]+(?:@.*)?"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("rivet_actor", _ActorConvertor())


def routes(services: Services) -> list[BaseRoute]:
    """The routes of the client's protocol."""
    every_method = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    table = (
        ("/metadata", "GET", "metadata", actors.metadata),
        ("/actors", "GET", "find", actors.find),
        ("/actors", "PUT", "get_or_create", actors.get_or_create),
        ("/actors", "POST", "create", actors.create),
        ("/actors/{actor_id}", "DELETE", "destroy", actors.destroy),
        (f"{_ACTOR}/action/{{action}}", "POST", "call", calls.call),
    )
    found: list[BaseRoute] = [
        Route(path, RivetEndpoint(services, name, handler), methods=[method])
        for path, method, name, handler in table
    ]
    request = RivetEndpoint(services, "request", calls.no_request)
    paths = (f"{_ACTOR}/request", f"{_ACTOR}/request/{{rest:path}}")
    found += [Route(path, request, methods=every_method) for path in paths]
    return [*found, WebSocketRoute(f"{_ACTOR}/connect", Connections(services))]
