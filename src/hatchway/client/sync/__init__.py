"""The synchronous client: the twin of `hatchway.client.aio`, which `tools/generate-sync-client` makes it from.

The modules are those of that package. Written by hand: `concurrency`, `single_flight`, `websocket`; generated: `agent`,
`callers_body`, `client`, `cron`, `declared_services`, `disk`, `events`, `files`, `life`, `ports`, `previews`,
`process`, `processes`, `service_transport`, `services`, `shells`, `transfer`, `transport`, `vm_calls`.
"""

from hatchway.client.sync.agent import SyncAgent
from hatchway.client.sync.client import Client, SyncVmKind
from hatchway.client.sync.events import SyncEvents
from hatchway.client.sync.process import SyncProcess
from hatchway.client.sync.shells import SyncShell

__all__ = ["Client", "SyncAgent", "SyncEvents", "SyncProcess", "SyncShell", "SyncVmKind"]
