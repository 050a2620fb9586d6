"""The client: `create_client(url).vm.get_or_create(key)` gives an agent; its methods reach into that VM.

- `client`: `AsyncClient`, and the names of VM kinds as its attributes.
- `agent`: one VM by key: files, processes, `vm_fetch`, previews.
- `answers`: what calls return.
- `fetch_request`: a `vm_fetch` call as an HTTP request head. Pure.
- `parameters`: what callers give, as the control API takes it. Pure.
- `exec_stream`: the lines that a running command's output comes as. Pure.
- `wire`: the bodies of the control API's answers, as far as the client reads them.
- `problems`: an answer that is a refusal, as a `HatchwayError`. Pure.
- `single_flight`: one call for many callers who want the same thing.
- `transport`: the one place that speaks HTTP (httpx) and turns its troubles into `HatchwayError`s.
"""

from hatchway.client.agent import Agent
from hatchway.client.answers import ExecResult, FetchResponse, Preview, ProcessInfo, SpawnedProcess
from hatchway.client.client import AsyncClient, VmKind, create_client

__all__ = [
    "Agent",
    "AsyncClient",
    "ExecResult",
    "FetchResponse",
    "Preview",
    "ProcessInfo",
    "SpawnedProcess",
    "VmKind",
    "create_client",
]
