"""What the table of operations says of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from hatchway.api.services import Services

Handler = Callable[[Services, Request], Awaitable[ASGIApp]]
"""Does the operation; returns the answer, which is an ASGI app. Raises `HatchwayError`s.

`request.state.query` holds the query parameters that the operation knows, as bytes by name, and `request.state.lists`
those that may be repeated, as lists.
"""

SocketHandler = Callable[[Services, WebSocket], Awaitable[None]]
"""Does an operation over a WebSocket, from before its handshake to its end. Raises `HatchwayError`s."""

JSON = "application/json"
BYTES = "application/octet-stream"
NDJSON = "application/x-ndjson"
TAR = "application/x-tar"

VM_ERRORS = ((503, "vm_boot_failed"), (503, "vm_failed"), (503, "vm_stopped"))
"""Refusals of an operation that needs the VM to run."""
START_ERRORS = (
    (400, "command_too_long"),
    (400, "invalid_command"),
    (400, "invalid_environment"),
    (400, "invalid_path"),
    (404, "command_not_found"),
    (404, "cwd_not_found"),
    (409, "not_executable"),
    (409, "not_permitted"),
    (409, "too_many_processes"),
    *VM_ERRORS,
)
"""Refusals of an operation that starts a process."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter."""

    name: str
    description: str
    schema: Mapping[str, Any]
    required: bool = True
    repeated: bool = False
    """Whether it may be there more than once: then its values are in `request.state.lists`."""


def flag_parameter(name: str, description: str, *, default: bool = False) -> Parameter:
    """A parameter that is `true` or `false`."""
    return Parameter(name, description, {"type": "boolean", "default": default}, required=False)


@dataclass(frozen=True, slots=True)
class Success:
    """One way in which an operation answers."""

    status: int
    description: str
    bodies: Mapping[str, Any]
    """The type of the body by media type: a Struct, a tuple of Structs (any of them), or `bytes`. Empty: no body."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table."""

    id: str
    method: str
    path: str
    summary: str
    handler: Handler
    successes: tuple[Success, ...]
    body: type | None = None
    """The JSON body's Struct; `bytes` for a raw body; None for no body."""
    query: tuple[Parameter, ...] = ()
    errors: tuple[tuple[int, str], ...] = ()
    """Status and code of refusals of its own; those that come with a body or a VM in the path are implied."""
    socket: SocketHandler | None = None
    """Does it for a client that asks for a WebSocket; the handler answers those that do not."""

    @property
    def query_names(self) -> frozenset[str]:
        """The query parameters that it knows."""
        return frozenset(parameter.name for parameter in self.query)

    @property
    def repeated_names(self) -> frozenset[str]:
        """Those of them that may be there more than once."""
        return frozenset(parameter.name for parameter in self.query if parameter.repeated)

    @property
    def all_errors(self) -> tuple[tuple[int, str], ...]:
        """Status and code of all foreseen refusals, those included that every operation shares."""
        errors = set(self.errors) | {
            (400, "invalid_query"),
            (401, "unauthorized"),
            (403, "cross_site"),
            (403, "unknown_host"),
            (500, "internal_error"),
            (503, "storage_failed"),
        }
        if self.body is not None and self.body is not bytes:
            errors |= {
                (400, "invalid_json"),
                (400, "invalid_request"),
                (413, "body_too_large"),
                (415, "unsupported_media_type"),
            }
        if "{vm_id}" in self.path:
            errors |= {(404, "vm_not_found")}
        if "{pid}" in self.path:
            errors |= {(404, "process_not_found")}
        if "{shell_id}" in self.path:
            errors |= {(404, "shell_not_found")}
        if "{preview_id}" in self.path:
            errors |= {(404, "preview_not_found")}
        return tuple(sorted(errors))
