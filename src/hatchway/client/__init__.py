"""The client: `create_client(url).vm.get_or_create(key)` gives an agent; its methods reach into that VM.

- `aio`: the asynchronous client; `sync`: its synchronous twin, generated from it.

What both share, and what does no I/O:

- `answers`, `file_answers`, `process_answers`, `port_answers`, `service_answers`, `cron_answers`, `disk_answers`,
  `event_answers`: what calls return.
- `fetch_request`: a request to a service as an HTTP request head; `websocket_request`: a WebSocket to one, or to the
  server. Pure.
- `parameters`: what callers give, as the control API takes it. Pure.
- `exec_stream`, `output_stream`: the lines that the output of a command and of a spawned process comes as; `lines`:
  lines out of pieces. Pure.
- `listing_stream`: the lines that the list of a folder comes as. Pure.
- `event_stream`: the messages about events. Pure.
- `local_files`: files and folders of the client's own machine.
- `process_tree`: processes by who started whom. Pure.
- `wire`, `shell_wire`: the bodies of the control API's answers, as far as the client reads them.
- `problems`: an answer that is a refusal, as a `HatchwayError`; `connection_errors`: no answer, as one. Pure.
- `server_url`: where a server is, how to get there, and whom to trust there.
"""

from hatchway.client.aio import Agent, AsyncClient, Events, Process, Shell, VmKind
from hatchway.client.answers import (
    ExecResult,
    FetchResponse,
    Preview,
    PreviewInfo,
    VmInfo,
)
from hatchway.client.cron_answers import CronJob, CronRun
from hatchway.client.disk_answers import DiskUsage, Garbage
from hatchway.client.event_answers import Event, ShellInfo
from hatchway.client.file_answers import DirEntry, FileRead, FileStat, FileWritten, Transferred
from hatchway.client.port_answers import PortInfo
from hatchway.client.process_answers import (
    OutputChunk,
    OutputCounts,
    ProcessInfo,
    ProcessNode,
    ProcessOutput,
    SystemProcess,
)
from hatchway.client.service_answers import ServiceInfo
from hatchway.client.sync import Client, SyncAgent, SyncEvents, SyncProcess, SyncShell, SyncVmKind

create_client = AsyncClient
"""`AsyncClient` by the name of what it is for: `create_client(url)`."""

__all__ = [
    "Agent",
    "AsyncClient",
    "Client",
    "CronJob",
    "CronRun",
    "DirEntry",
    "DiskUsage",
    "Event",
    "Events",
    "ExecResult",
    "FetchResponse",
    "FileRead",
    "FileStat",
    "FileWritten",
    "Garbage",
    "OutputChunk",
    "OutputCounts",
    "PortInfo",
    "Preview",
    "PreviewInfo",
    "Process",
    "ProcessInfo",
    "ProcessNode",
    "ProcessOutput",
    "ServiceInfo",
    "Shell",
    "ShellInfo",
    "SyncAgent",
    "SyncEvents",
    "SyncProcess",
    "SyncShell",
    "SyncVmKind",
    "SystemProcess",
    "Transferred",
    "VmInfo",
    "VmKind",
    "create_client",
]
