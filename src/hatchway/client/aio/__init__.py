"""The asynchronous client, and the source of the synchronous one.

`tools/generate-sync-client` makes `hatchway.client.sync` from this package, module by module: without `async` and
`await`, and with httpx's synchronous classes. So nothing here uses asyncio, but for what both have in a
version of their own.

- `client`: `AsyncClient`, and the names of VM kinds as its attributes.
- `agent`: one VM by key, made of its nouns: `files` and `transfer`, `processes`, `services` (HTTP and WebSocket),
  `previews`, `declared_services`, `ports`, `cron`, `disk`, `events`, `shells`, `life`; `process`: one that was spawned.
- `vm_calls`: calls of the control API about one VM: what the nouns are made of.
- `transport`: the one place that speaks HTTP (httpx) and turns its troubles into `HatchwayError`s; `callers_body`: what
  callers stream.
- `service_transport`: an httpx transport whose network is one VM.
- In a version of its own for each client: `concurrency`, `single_flight`, `websocket`.
"""

from hatchway.client.aio.agent import Agent
from hatchway.client.aio.client import AsyncClient, VmKind
from hatchway.client.aio.events import Events
from hatchway.client.aio.process import Process
from hatchway.client.aio.shells import Shell

__all__ = ["Agent", "AsyncClient", "Events", "Process", "Shell", "VmKind"]
