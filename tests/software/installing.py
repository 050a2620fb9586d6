"""A process of its own that provides software: `python installing.py CACHE USR tool|node`; prints the layer."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from hatchway.software import Npm, Software, node
from hatchway.software.provider import SoftwareProvider

SOFTWARE = {"tool": Software("tool", ("tool",), Npm("tool"), needs=(node,)), "node": node}


async def main(cache_dir: str, usr: str, name: str) -> None:
    """Provide the software of this name."""
    layers = await SoftwareProvider(Path(cache_dir), usr=Path(usr)).layers([SOFTWARE[name]])
    sys.stdout.write(f"{layers[0]}\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
