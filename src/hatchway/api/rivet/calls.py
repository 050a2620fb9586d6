"""Actions over HTTP."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hatchway.api.disconnect import unless_disconnected
from hatchway.api.rivet.actions import act
from hatchway.api.rivet.actor_target import ByKey, parse_actor
from hatchway.api.rivet.actors import vm_of
from hatchway.api.rivet.encodings import parse_encoding, read_arguments, write_output
from hatchway.api.rivet.endpoint import read_body
from hatchway.api.services import Services
from hatchway.errors import NotFound

_RECENT = "RivetKit/2."
_SPEAKS_4_SINCE = 3
"""The minor version since which the client speaks version 4 of its protocol."""


async def call(services: Services, request: Request) -> Response:
    """Do an action of a VM."""
    target = parse_actor(request.path_params["actor"], request.scope["query_string"])
    encoding = parse_encoding(request.headers.get("x-rivet-encoding"))
    is_recent = isinstance(target, ByKey) or _is_recent(request.headers.get("user-agent", ""))
    version, arguments = read_arguments(encoding, await read_body(request), is_recent=is_recent)
    vm = await vm_of(services, target)
    output = await unless_disconnected(
        request.receive, act(services, vm, request.path_params["action"], arguments)
    )
    body = write_output(encoding, version, output)
    return Response(body, 200, {"Cache-Control": "no-store"}, encoding.media_type)


async def no_request(_services: Services, request: Request) -> Response:
    """What is asked of a VM itself, rather than of a preview of it."""
    raise NotFound(
        "not_a_preview",
        "below /request there are only previews",
        "fetch /request/fetch/{token}/…, the `path` of createSignedPreviewUrl; or use vmFetch(port, url)",
    )


def _is_recent(user_agent: str) -> bool:
    """Whether the client says that it is of version 2.3 or later."""
    minor = user_agent.removeprefix(_RECENT).partition(".")[0]
    return user_agent.startswith(_RECENT) and minor.isdecimal() and int(minor[:4]) >= _SPEAKS_4_SINCE
