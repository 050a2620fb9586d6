"""The synchronous client: the twin of `hatchway.client.aio`, which `tools/generate-sync-client` makes it from.

The modules are those of that package. Written by hand: `concurrency`, `single_flight`, `websocket`; generated: `agent`,
`callers_body`, `client`, `cron`, `declared_services`, `disk`, `files`, `life`, `ports`, `previews`, `process`,
`processes`, `service_transport`, `services`, `transfer`, `transport`, `vm_calls`.
"""

from hatchway.client.sync.agent import SyncAgent
from hatchway.client.sync.client import Client, SyncVmKind
from hatchway.client.sync.process import SyncProcess

__all__ = ["Client", "SyncAgent", "SyncProcess", "SyncVmKind"]
