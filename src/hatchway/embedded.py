"""A VM within the program that uses it: no server of its own, no port.

```python
async with hatchway.open_vm(software=[common, node]) as agent:
    print((await agent.exec("echo hello")).stdout)
```
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.options import Limits
from hatchway.registry import agent_os

if TYPE_CHECKING:
    from hatchway.client import Agent
    from hatchway.software import Software

KIND = "vm"


@asynccontextmanager
async def open_vm(
    key: str | Sequence[str] = "vm",
    *,
    software: Iterable[Software] = (),
    limits: Limits | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    timeout: float | None = 60.0,
) -> AsyncIterator[Agent]:
    """A VM for as long as the context lasts, with the same agent that a client of a server gives.

    What a server does runs in this process and its event loop. Nothing listens on the network, so there are no
    previews: they are refused with `no_listener`.

    Args:
        key: the VM's key; it matters only with a `data_dir`, where it finds the same VM again.
        software: what the VM can run, from `hatchway.software`.
        limits: what it may use.
        data_dir: where its files are kept; None: in a temporary folder, which goes with the VM. Only one process at a
            time can use a folder.
        timeout: seconds that a call may go without any progress; None: for ever.

    Raises:
        HatchwayError: `isolation_unavailable`, `data_dir_in_use`, `invalid_key`, `invalid_option` and others.
    """
    from hatchway.client.aio.client import AsyncClient
    from hatchway.server.server import running_within
    from hatchway.server.settings import Settings
    from hatchway.vm.key import parse_key

    checked = parse_key(key)
    kinds = {KIND: agent_os(software=software, limits=limits)}
    async with AsyncExitStack() as stack:
        if data_dir is None:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="hatchway-", ignore_cleanup_errors=True)
            )
        settings = Settings(data_dir=Path(folder if data_dir is None else data_dir), api_token=None)
        socket = await stack.enter_async_context(running_within(kinds, settings))
        client = AsyncClient(timeout=timeout, unix_socket=socket)
        stack.push_async_callback(client.aclose)
        agent = client.kind(KIND).get_or_create(checked)
        if data_dir is None:
            stack.push_async_callback(agent.destroy)
        yield agent
