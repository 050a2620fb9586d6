"""Software as a layer: a folder laid out like /usr (`local/bin/node`, …), mounted read-only under a VM's
/usr."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

Provider = Callable[[Path], Awaitable[Path | None]]
"""Takes the cache folder; gives the layer, or None where the host's /usr has it all already."""


@dataclass(frozen=True, slots=True)
class Software:
    """Something a VM can run. Equal to another of the same name and commands."""

    name: str
    commands: tuple[str, ...]
    """The commands that a VM finds in its PATH."""
    provider: Provider = field(repr=False, compare=False)


async def provide(software: Software, cache_dir: Path) -> Path | None:
    """Make sure that `software` is there for VMs.

    Args:
        software: what is wanted.
        cache_dir: where layers are kept, in one folder per name and version; made if it is not there.

    Returns:
        A folder laid out like /usr that any uid can read, or None: the host's /usr has the commands already.

    Raises:
        Unavailable: `software_missing` (the host lacks it; the hint installs it) or `software_unavailable`
            (it could not be fetched).
    """
    return await software.provider(cache_dir)
