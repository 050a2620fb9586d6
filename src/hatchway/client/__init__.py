"""The client: `create_client(url).vm.get_or_create(key)` gives an agent; its methods reach into that VM.

- `aio`: the asynchronous client; `sync`: its synchronous twin, generated from it.

What both share, and what does no I/O:

- `answers`: what calls return.
- `fetch_request`: a request to a service as an HTTP request head; `websocket_request`: a WebSocket to one. Pure.
- `parameters`: what callers give, as the control API takes it. Pure.
- `exec_stream`: the lines that a running command's output comes as. Pure.
- `wire`: the bodies of the control API's answers, as far as the client reads them.
- `problems`: an answer that is a refusal, as a `HatchwayError`; `connection_errors`: no answer, as one. Pure.
- `server_url`: where a server is, how to get there, and whom to trust there.
"""

from hatchway.client.aio import Agent, AsyncClient, VmKind
from hatchway.client.answers import (
    ExecResult,
    FetchResponse,
    Preview,
    PreviewInfo,
    ProcessInfo,
    SpawnedProcess,
    VmInfo,
)
from hatchway.client.sync import Client, SyncAgent, SyncVmKind

create_client = AsyncClient
"""`AsyncClient` by the name of what it is for: `create_client(url)`."""

__all__ = [
    "Agent",
    "AsyncClient",
    "Client",
    "ExecResult",
    "FetchResponse",
    "Preview",
    "PreviewInfo",
    "ProcessInfo",
    "SpawnedProcess",
    "SyncAgent",
    "SyncVmKind",
    "VmInfo",
    "VmKind",
    "create_client",
]
