"""Hatchway runs an isolated VM per AI agent, and opens hatches into it.

What users import is here; everything else is reached through it:

- `agent_os`, `setup`, `PreviewOptions`, `IdleOptions`, `Limits`: configure and start a server.
- `create_client` (= `AsyncClient`), and its synchronous twin `Client`: talk to one.
- `open_vm`: a VM within the program that uses it.
- `HatchwayError` and its subclasses: every error, with `code`, `message` and `hint`.

The packages, by responsibility: `preview` (tokens, grants, addresses; pure), `gateway` (the data plane), `vm`
(VMs and their sandbox), `store` (SQLite), `api` (the control plane), `server` (puts those together), `client`,
`software`, `cli`. Beside them: `options`, `registry`, `embedded`, `errors`, `nearest` (for names that nobody knows),
and `printable` (text of others, safe to show).

Names are imported on first use: the zygote imports `hatchway.vm.sandbox` and every VM's memory starts as a copy of it,
so that import must not pull in a web framework.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hatchway.client import (
        Agent,
        AsyncClient,
        Client,
        FetchResponse,
        Preview,
        PreviewInfo,
        SyncAgent,
        VmInfo,
        create_client,
    )
    from hatchway.embedded import open_vm
    from hatchway.errors import (
        AccessDenied,
        Conflict,
        ConnectionFailed,
        HatchwayError,
        InvalidRequest,
        NotFound,
        Unavailable,
    )
    from hatchway.options import IdleOptions, Limits, PreviewOptions, VmOptions
    from hatchway.registry import Registry, agent_os, setup

__version__ = "0.1.0"

_HOME = {
    "Agent": "client",
    "AsyncClient": "client",
    "Client": "client",
    "FetchResponse": "client",
    "Preview": "client",
    "PreviewInfo": "client",
    "SyncAgent": "client",
    "VmInfo": "client",
    "create_client": "client",
    "open_vm": "embedded",
    "AccessDenied": "errors",
    "Conflict": "errors",
    "ConnectionFailed": "errors",
    "HatchwayError": "errors",
    "InvalidRequest": "errors",
    "NotFound": "errors",
    "Unavailable": "errors",
    "IdleOptions": "options",
    "Limits": "options",
    "PreviewOptions": "options",
    "VmOptions": "options",
    "Registry": "registry",
    "agent_os": "registry",
    "setup": "registry",
}

__all__ = [
    "AccessDenied",
    "Agent",
    "AsyncClient",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "FetchResponse",
    "HatchwayError",
    "IdleOptions",
    "InvalidRequest",
    "Limits",
    "NotFound",
    "Preview",
    "PreviewInfo",
    "PreviewOptions",
    "Registry",
    "SyncAgent",
    "Unavailable",
    "VmInfo",
    "VmOptions",
    "__version__",
    "agent_os",
    "create_client",
    "open_vm",
    "setup",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'hatchway' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hatchway.{_HOME[name]}"), name)
