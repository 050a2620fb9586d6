"""The two calls by which the gateway knows the rest of the system: `resolve` a request, `dial` an upstream.

Everything else (tokens, VMs, the database) is behind them, so a worker process or another machine can stand
there later.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from hatchway.errors import HatchwayError
from hatchway.gateway.destination import Destination


class Upstream(NamedTuple):
    """Where a request goes. Also the key of the connection pool, looked up twice per request: a tuple hashes fast."""

    vm_id: str | None
    """The VM, or None for the control API."""
    port: int
    """The TCP port inside the VM; 0 for the control API."""


CONTROL_API = Upstream(None, 0)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a decision may depend on beyond the destination. Values are header bytes as received, None where
    absent."""

    method: bytes
    host: bytes | None
    origin: bytes | None
    sec_fetch_site: bytes | None
    authorization: bytes | None = field(repr=False)
    """The Authorization header."""
    api_token: bytes | None = field(repr=False)
    """The Hatchway-Token header; or X-Rivet-Token, as clients of the npm package `rivetkit` name it."""
    unfurls: bool = False
    """It is from a program that only shows what is behind a link."""


@dataclass(frozen=True, slots=True)
class Allow:
    """The request may go to `upstream`."""

    upstream: Upstream
    grant_id: int | None = None
    """The preview grant it goes under; None for API calls. Live exchanges are registered under it."""
    expires_at: float | None = None
    """Seconds since the epoch at which the permission ends; None: it does not."""
    drop_authorization: bool = False
    """The Authorization header is the API credential: it must not reach the service."""
    forward_host: bool = False
    """The service is told its public host in X-Forwarded-Host, which in host mode holds the token."""
    app_cors: bool = False
    """Preflights go to the service, and nothing is added to its answers for CORS."""


@dataclass(frozen=True, slots=True)
class Deny:
    """The request is refused; `error` becomes a page or JSON by Accept."""

    error: HatchwayError


Verdict = Allow | Deny


class Backend(Protocol):
    """What the gateway needs of the system behind it."""

    def resolve(self, destination: Destination, facts: RequestFacts) -> Verdict | Awaitable[Verdict]:
        """Whether this request may go on, and where to. Called for every request and upgrade.

        Answers at once where it can (a grant seen before), so that the fast path makes no task. Never raises.
        """
        ...

    async def dial(self, upstream: Upstream) -> socket.socket:
        """A connected, non-blocking stream socket to `upstream`, owned by the caller.

        Boots the VM if it is not running, and waits for a while for a service that may be just starting. Cancelled
        when nobody waits for the connection any more.

        Raises:
            HatchwayError: `port_closed` (502) if nothing listens there; `process_exited` (502) if what should have
                listened has ended; `vm_boot_failed` and others (503).
        """
        ...
