"""The gateway's seam, answered by the store and the VM manager: who may go where, and a socket to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable

from hatchway.api.access import AccessPolicy, check_access, digest_api_token, is_api_credential
from hatchway.errors import AccessDenied, HatchwayError, Unavailable
from hatchway.gateway.destination import Destination, PortDestination, PreviewDestination
from hatchway.gateway.seam import CONTROL_API, Allow, Deny, RequestFacts, Upstream, Verdict
from hatchway.preview.grant import Grant
from hatchway.server.settings import Settings
from hatchway.store.previews import Previews
from hatchway.vm.manager import VmManager


def access_policy(settings: Settings) -> AccessPolicy:
    """Who may call the control API under these settings."""
    token = settings.api_token
    return AccessPolicy(None if token is None else digest_api_token(token), settings.allowed_hosts)


class ServerBackend:
    """Implements `hatchway.gateway.seam.Backend`."""

    def __init__(
        self, manager: VmManager, previews: Previews, policy: AccessPolicy, control_path: str
    ) -> None:
        self._manager = manager
        self._previews = previews
        self._policy = policy
        self._control_path = control_path

    def resolve(self, destination: Destination, facts: RequestFacts) -> Verdict | Awaitable[Verdict]:
        """See `Backend`. A preview needs its token alone; everything else the right to call the control API."""
        if isinstance(destination, PreviewDestination):
            found = self._previews.resolve(destination.token)
            drop = is_api_credential(self._policy, facts.authorization)
            if found is None or isinstance(found, Grant):
                return _preview_verdict(found, drop)
            return self._resolve_later(found, drop)
        error = check_access(self._policy, facts)
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
        machine = await self._manager.running(upstream.vm_id)
        return await machine.dial(upstream.port)

    async def _resolve_later(self, found: Awaitable[Grant | None], drop_authorization: bool) -> Verdict:
        try:
            return _preview_verdict(await found, drop_authorization)
        except HatchwayError as error:
            return Deny(error)

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


def _preview_verdict(grant: Grant | None, drop_authorization: bool) -> Verdict:
    if grant is None:
        return Deny(
            AccessDenied(
                "preview_not_found",
                "this preview has ended or never existed",
                "ask whoever shared it for a new link",
            )
        )
    return Allow(
        Upstream(grant.vm_id, grant.port),
        grant_id=grant.id,
        expires_at=grant.expires_at,
        drop_authorization=drop_authorization,
    )
