# Written by tools/generate-sync-client from hatchway/client/aio/previews.py.
"""The previews of one VM."""

from __future__ import annotations

from typing import Any

from hatchway.client import wire
from hatchway.client.answers import Preview, PreviewInfo
from hatchway.client.parameters import preview_path
from hatchway.client.sync.vm_calls import VmActions
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
        label: str = "",
        wake: bool = True,
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
            label: what to know it again by in `list_previews`: one line of at most 200 characters. Visitors never see
                it.
            wake: let visitors wake the VM when it is paused or asleep. If not, they are told that it is
                (`vm_asleep`). What only reads links to show what is behind them never wakes it.

        Raises:
            InvalidRequest: `invalid_port`, `invalid_expiry`, `invalid_cors`, `invalid_label`, naming the limits.
        """
        body: dict[str, Any] = {"port": port}
        if expires_in_seconds is not None:
            body["expires_in_seconds"] = expires_in_seconds
        # What is not the default goes as it was given: what is wrong with it is the server's to say.
        if forward_host is not False:
            body["forward_host"] = forward_host
        if cors != "open":
            body["cors"] = cors
        if label != "":
            body["label"] = label
        if wake is not True:
            body["wake"] = wake
        answer = self._vm.call("POST", "/previews", wire.Preview, body=body)
        return answer.public()

    def list_previews(self) -> list[PreviewInfo]:
        """The live previews of this VM, oldest first; without their tokens, which are told once only."""
        answer = self._vm.call_if_there("GET", "/previews", wire.Previews)
        return [] if answer is None else [preview.public() for preview in answer.previews]

    def renew_preview(self, preview_id: str, expires_in_seconds: int | None = None) -> PreviewInfo:
        """Let a live preview of this VM end at another time; what is open under it goes on until then.

        Args:
            preview_id: `Preview.id`, or that of one of `list_previews`.
            expires_in_seconds: how long it lives from now on, with the limits of a new one. It may end earlier than
                before.

        Returns:
            The preview with its new end.

        Raises:
            InvalidRequest: `invalid_expiry`, `invalid_preview_id`.
            NotFound: `preview_not_found`, if it has ended.
        """
        path = preview_path(preview_id, "renew")
        body = {} if expires_in_seconds is None else {"expires_in_seconds": expires_in_seconds}
        answer = self._vm.call_if_there("POST", path, wire.PreviewInfo, body=body)
        if answer is None:
            raise NotFound("preview_not_found", "the VM is gone, and its previews with it", "make a new one")
        return answer.public()

    def expire_signed_preview_url(self, token: str) -> bool:
        """Revoke a preview of this VM by its token, at once. May be called again.

        Returns:
            Whether there was a live preview with that token.
        """
        answer = self._vm.call_if_there("POST", "/previews/expire", wire.Expired, body={"token": token})
        return answer is not None and answer.expired

    def expire_preview(self, preview_id: str) -> bool:
        """Revoke a preview of this VM by its id, at once. May be called again.

        Args:
            preview_id: `Preview.id`, or that of one of `list_previews`.

        Returns:
            Whether there was a live preview with that id.

        Raises:
            InvalidRequest: `invalid_preview_id`.
        """
        try:
            answer = self._vm.call_if_there("POST", preview_path(preview_id, "expire"), wire.Expired)
        except NotFound as error:
            if error.code != "preview_not_found":
                raise
            return False
        return answer is not None and answer.expired

    def expire_all_previews(self) -> int:
        """Revoke all previews of this VM at once. Returns how many were live."""
        answer = self._vm.call_if_there("POST", "/previews/expire-all", wire.AllExpired)
        return 0 if answer is None else answer.expired
