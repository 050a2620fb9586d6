"""A backend that lives in memory: for the gateway's own tests, and for others who test against a gateway
without a VM.

Its VMs are names for ports of this machine's loopback.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from hatchway.errors import AccessDenied, HatchwayError, NotFound
from hatchway.gateway.destination import ControlDestination, Destination, PortDestination
from hatchway.gateway.seam import CONTROL_API, Allow, Deny, RequestFacts, Upstream, Verdict
from hatchway.preview.grant import Grant
from hatchway.preview.token import digest, is_token


class MemoryBackend:
    """Grants and VMs in dictionaries.

    Args:
        clock: the time in seconds since the epoch.
        api_token: what `vm_fetch` and the control API ask for, as `Authorization: Bearer` or
            `Hatchway-Token`. None: nothing.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, api_token: str | None = None) -> None:
        self._clock = clock
        self._api_token = api_token
        self._grants: dict[bytes, Grant] = {}
        self._verdicts: dict[str, Allow] = {}
        self._ports: dict[Upstream, tuple[str, int] | str] = {}
        self._last_id = 0
        self.dialled = 0
        """How many connections were asked for."""

    def listen(self, vm_id: str, port: int, address: tuple[str, int] | str) -> None:
        """Says where a VM's port really is: a loopback host and port, or the path of a unix socket."""
        self._ports[Upstream(vm_id, port)] = address

    def serve_control(self, address: tuple[str, int] | str) -> None:
        """Says where the control API is."""
        self._ports[CONTROL_API] = address

    def add_preview(
        self,
        token: str,
        vm_id: str,
        port: int,
        expires_at: float = float("inf"),
        *,
        forward_host: bool = False,
        app_cors: bool = False,
    ) -> Grant:
        """Makes `token` open one port of one VM until `expires_at` (seconds since the epoch)."""
        self._last_id += 1
        grant = Grant(self._last_id, vm_id, port, expires_at, forward_host, app_cors)
        self._grants[digest(token)] = grant
        return grant

    def revoke(self, token: str) -> None:
        """Makes `token` open nothing from the next request on. What is open is the gateway's to close."""
        self._grants.pop(digest(token), None)
        self._verdicts.pop(token, None)

    def renew(self, token: str, expires_at: float) -> Grant:
        """Gives what `token` stands for another end. What is open learns of it by `Gateway.renew_grant`."""
        grant = self._grants[digest(token)] = replace(self._grants[digest(token)], expires_at=expires_at)
        self._verdicts.pop(token, None)
        return grant

    def resolve(self, destination: Destination, facts: RequestFacts) -> Verdict | Awaitable[Verdict]:
        """See `Backend`. Always answers at once."""
        if isinstance(destination, ControlDestination):
            return Allow(CONTROL_API) if self._is_authorised(facts) else Deny(_unauthorised())
        if isinstance(destination, PortDestination):
            if not self._is_authorised(facts):
                return Deny(_unauthorised())
            upstream = Upstream(destination.vm_id, destination.port)
            return Allow(upstream, drop_authorization=self._is_bearer(facts))
        token = destination.token
        known = self._verdicts.get(token)
        if known is None:
            grant = self._grants.get(digest(token)) if is_token(token) else None
            if grant is None:
                return Deny(_preview_ended())
            ends = None if grant.expires_at == float("inf") else grant.expires_at
            known = Allow(
                Upstream(grant.vm_id, grant.port),
                grant.id,
                ends,
                forward_host=grant.forward_host,
                app_cors=grant.app_cors,
            )
            self._verdicts[token] = known
        if known.expires_at is not None and known.expires_at <= self._clock():
            return Deny(_preview_ended())
        return replace(known, drop_authorization=True) if self._is_bearer(facts) else known

    def _is_bearer(self, facts: RequestFacts) -> bool:
        return self._api_token is not None and facts.authorization == b"Bearer " + self._api_token.encode()

    def _is_authorised(self, facts: RequestFacts) -> bool:
        if self._api_token is None:
            return True
        return self._is_bearer(facts) or facts.api_token == self._api_token.encode()

    async def dial(self, upstream: Upstream) -> socket.socket:
        """See `Backend`."""
        self.dialled += 1
        address = self._ports.get(upstream)
        if address is None:
            raise NotFound("vm_not_found", "there is no such VM, or nothing was put on that port of it")
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError:
            sock.close()
            raise HatchwayError(
                "port_closed",
                f"nothing listens on port {upstream.port} of this VM",
                f"start a service there that listens on localhost or 0.0.0.0, port {upstream.port}",
                status=502,
            ) from None
        except BaseException:
            sock.close()
            raise
        return sock


def _unauthorised() -> HatchwayError:
    return AccessDenied("unauthorized", "this server asks for its API token", status=401)


def _preview_ended() -> HatchwayError:
    return AccessDenied(
        "preview_not_found",
        "this preview has ended or never existed",
        "ask whoever shared it for a new link",
    )
