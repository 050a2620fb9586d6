"""The three addresses of one grant: host, path and header. Pure; each form round-trips through parse and print."""

from __future__ import annotations

from enum import Enum


class AddressMode(Enum):
    """How a request names its preview."""

    HOST = "host"
    """`http://{token}.{preview_domain}/…`: its own origin; what people get."""
    PATH = "path"
    """`/fetch/{token}/…`, also `/request/fetch/{token}/…` and `/gateway/{vm}/request/fetch/{token}/…`."""
    HEADER = "header"
    """The header `Hatchway-Preview-Token`; for code."""
