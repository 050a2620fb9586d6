# Written by tools/generate-sync-client from hatchway/client/aio/previews.py.
"""The previews of one VM."""

from __future__ import annotations

from typing import Any

from hatchway.client import wire
from hatchway.client.answers import Preview
from hatchway.client.sync.vm_calls import VmActions, vm_path
from hatchway.errors import NotFound
from hatchway.preview.grant import CorsMode


class Previews(VmActions):
    """What an agent does with previews."""

    def create_signed_preview_url(
        self,
        port: int,
        expires_in_seconds: int | None = None,
        *,
        forward_host: bool = False,
        cors: CorsMode = "open",
    ) -> Preview:
        """Let whoever holds the preview's URL reach one port of the VM until it expires or is revoked.

        Args:
            port: the TCP port, 1 to 65535; something may listen there later.
            expires_in_seconds: how long it lives, by default and at most as configured with `PreviewOptions`.
            forward_host: tell the service its public host in `X-Forwarded-Host`, for frameworks that build absolute
                URLs. In host mode that host holds the token: whatever runs in the VM can read it then, and use the
                preview as its visitors do.
            cors: `"open"`: any origin may read what the service answers, and the gateway answers preflights.
                `"app"`: preflights and all answers pass untouched, and the service decides.

        Raises:
            InvalidRequest: `invalid_port`, `invalid_expiry`, `invalid_cors`, naming the limits.
        """
        body: dict[str, Any] = {"port": port}
        if expires_in_seconds is not None:
            body["expires_in_seconds"] = expires_in_seconds
        # What is not the default goes as it was given: what is wrong with it is the server's to say.
        if forward_host is not False:
            body["forward_host"] = forward_host
        if cors != "open":
            body["cors"] = cors
        answer = self._vm.call("POST", "/previews", wire.Preview, body=body)
        return answer.public()

    def expire_signed_preview_url(self, token: str) -> bool:
        """Revoke a preview of this VM at once. May be called again.

        Returns:
            Whether there was a live preview with that token.
        """
        try:
            vm = self._vm.id.get()
            answer = self._vm.transport.call(
                "POST", f"{vm_path(vm)}/previews/expire", wire.Expired, body={"token": token}
            )
        except NotFound as error:
            # A destroyed VM took its previews along.
            if error.code != "vm_not_found":
                raise
            self._vm.id.forget(vm)
            return False
        return answer.expired
