"""Hatchway's gateway with its in-memory backend, in front of one loopback port.

python gateway.py UPSTREAM_PORT TOKEN
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from hatchway.gateway.listener import Gateway
from hatchway.gateway.memory import MemoryBackend


async def main(upstream: int, token: str) -> None:
    """Serve until ended."""
    backend = MemoryBackend()
    backend.listen("vm", 3000, ("127.0.0.1", upstream))
    backend.add_preview(token, "vm", 3000)
    gateway = Gateway(backend)
    _, port = await gateway.start("127.0.0.1", 0)
    print(port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
