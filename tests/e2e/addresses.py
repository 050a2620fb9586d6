"""The three addresses of a preview, as requests to a server."""

from __future__ import annotations

from dataclasses import dataclass, field

from e2e.server_process import ServerProcess
from hatchway import Preview

MODES = ("host", "path", "header")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to send a request, and what it must carry."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)


def address(mode: str, server: ServerProcess, preview: Preview, target: str = "/") -> Address:
    """The request for `target` of a preview in one of `MODES`.

    Browsers take every name under localhost for this machine (RFC 6761 section 6.3); the resolver here may
    not: so the address is dialled and the name is sent.
    """
    base = f"http://127.0.0.1:{server.port}"
    if mode == "host":
        return Address(base + target, {"Host": f"{preview.token}.localhost:{server.port}"})
    if mode == "path":
        return Address(f"{base}/fetch/{preview.token}{target}")
    return Address(base + target, {"Hatchway-Preview-Token": preview.token})
