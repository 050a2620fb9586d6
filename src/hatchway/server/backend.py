"""The gateway's seam, answered by the store and the VM manager: who may go where, and a socket to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from dataclasses import replace

from hatchway.api.access import AccessPolicy, check_access, digest_api_token, is_api_credential
from hatchway.api.rivet.actor_target import credential
from hatchway.errors import AccessDenied, HatchwayError, Unavailable
from hatchway.gateway.destination import (
    ControlDestination,
    Destination,
    PortDestination,
    PreviewDestination,
)
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.seam import CONTROL_API, Allow, Deny, RequestFacts, Upstream, Verdict
from hatchway.preview.grant import Grant
from hatchway.server.settings import Settings
from hatchway.store.previews import Previews
from hatchway.vm.manager import VmManager

_REMEMBERED_VERDICTS = 16_384


def access_policy(settings: Settings) -> AccessPolicy:
    """Who may call the control API under these settings."""
    token = settings.api_token
    return AccessPolicy(None if token is None else digest_api_token(token), settings.allowed_hosts)


class ServerBackend:
    """Implements `hatchway.gateway.seam.Backend`.

    Args:
        manager: the VMs.
        previews: what tokens stand for.
        policy: who may call the control API.
        control_path: where the control API listens.
        limits: how long to wait for services.
    """

    def __init__(
        self,
        manager: VmManager,
        previews: Previews,
        policy: AccessPolicy,
        control_path: str,
        limits: GatewayLimits | None = None,
    ) -> None:
        self._manager = manager
        self._previews = previews
        self._policy = policy
        self._control_path = control_path
        self._limits = limits or GatewayLimits()
        self._verdicts: dict[int, tuple[Grant, Allow]] = {}

    def resolve(self, destination: Destination, facts: RequestFacts) -> Verdict | Awaitable[Verdict]:
        """See `Backend`. A preview needs its token alone; everything else the right to call the control API."""
        if isinstance(destination, PreviewDestination):
            found = self._previews.resolve(destination.token)
            drop = is_api_credential(self._policy, facts.authorization)
            if found is None or isinstance(found, Grant):
                return self._preview_verdict(found, facts, drop)
            return self._resolve_later(found, facts, drop)
        in_target = credential(destination.target) if isinstance(destination, ControlDestination) else None
        error = check_access(self._policy, facts, in_target)
        if error is not None:
            return Deny(error)
        if isinstance(destination, PortDestination):
            return Allow(
                Upstream(destination.vm_id, destination.port),
                drop_authorization=is_api_credential(self._policy, facts.authorization),
            )
        return Allow(CONTROL_API)

    async def dial(self, upstream: Upstream) -> socket.socket:
        """See `Backend`."""
        if upstream.vm_id is None:
            return await self._dial_control()
        arrived = asyncio.get_running_loop().time()
        async with self._manager.using(upstream.vm_id) as machine:
            return await machine.dial(
                upstream.port,
                connect_seconds=self._limits.connect_seconds,
                wait_seconds=self._limits.wait_seconds,
                arrived=arrived,
            )

    async def _resolve_later(
        self, found: Awaitable[Grant | None], facts: RequestFacts, drop_authorization: bool
    ) -> Verdict:
        try:
            return self._preview_verdict(await found, facts, drop_authorization)
        except HatchwayError as error:
            return Deny(error)

    def _preview_verdict(self, grant: Grant | None, facts: RequestFacts, drop_authorization: bool) -> Verdict:
        if grant is None:
            return Deny(
                AccessDenied(
                    "preview_not_found",
                    "this preview has ended or never existed",
                    "ask whoever shared it for a new link",
                )
            )
        if (facts.unfurls or not grant.wake) and not self._manager.is_awake(grant.vm_id):
            return Deny(_asleep())
        # What a grant allows is made once for the grant. Whether it still holds is asked every time, before this.
        known = self._verdicts.get(grant.id)
        if known is None or known[0] is not grant:
            if len(self._verdicts) >= _REMEMBERED_VERDICTS:
                self._verdicts.clear()
            known = self._verdicts[grant.id] = (grant, _allow(grant))
        return replace(known[1], drop_authorization=True) if drop_authorization else known[1]

    async def _dial_control(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, self._control_path)
        except OSError:
            sock.close()
            raise Unavailable("stopping", "the server is stopping", "try again when it is back") from None
        except BaseException:
            sock.close()
            raise
        return sock


def _asleep() -> Unavailable:
    return Unavailable(
        "vm_asleep",
        "the VM behind this preview is asleep, and this request does not wake it",
        "ask whoever shared it to wake the VM",
        retry_after=60,
    )


def _allow(grant: Grant) -> Allow:
    return Allow(
        Upstream(grant.vm_id, grant.port),
        grant_id=grant.id,
        expires_at=grant.expires_at,
        forward_host=grant.forward_host,
        app_cors=grant.app_cors,
    )
