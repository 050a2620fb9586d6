"""Actions on previews."""

from __future__ import annotations

from typing import Any

from hatchway.api.rivet.arguments import Arguments
from hatchway.api.rivet.js_values import UNDEFINED
from hatchway.api.services import Services
from hatchway.preview.grant import validate_port


async def create(services: Services, vm: str, values: list[Any]) -> Any:
    """`createSignedPreviewUrl(port, expiresInSeconds?)`: `{path, token, port, expiresAt, url}`.

    `path` is relative to the VM's gateway URL; `url` is its address of an origin of its own, for people.
    """
    arguments = Arguments("createSignedPreviewUrl", values, 2)
    minted = await services.create_preview(vm, validate_port(arguments.anything(0)), arguments.anything(1))
    return {
        "path": minted.path,
        "token": minted.token,
        "port": minted.port,
        "expiresAt": int(minted.expires_at * 1000),
        "url": minted.url,
    }


async def expire(services: Services, vm: str, values: list[Any]) -> Any:
    """`expireSignedPreviewUrl(token)`: at once; one that has ended is no error."""
    await services.expire_preview(vm, Arguments("expireSignedPreviewUrl", values, 1).text(0, "token"))
    return UNDEFINED


ACTIONS = {"createSignedPreviewUrl": create, "expireSignedPreviewUrl": expire}
