"""A folder of this machine as a layer, mounted as it is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from hatchway.errors import Unavailable
from hatchway.software.host_commands import BIN_FOLDERS, USR
from hatchway.software.sources import Folder
from hatchway.software.trees import UnfitTreeError, check, find_in


async def use(software: str, source: Folder, commands: Sequence[str], usr: Path = USR) -> Path:
    """The folder, checked: it is there, every VM can read it, and finds the commands in it.

    Raises:
        Unavailable: `software_missing`; its text names nothing outside of the folder.
    """
    try:
        return await asyncio.to_thread(_check, source.path, commands, usr)
    except OSError:
        raise _missing(
            software,
            "is not there, or cannot be read by the server",
            "`hatchway software list` says where it should be",
        ) from None
    except UnfitTreeError as error:
        raise _missing(software, f"cannot be used: {error}", "change that, and try again") from None


def _check(path: str | os.PathLike[str], commands: Sequence[str], usr: Path) -> Path:
    # Where a link leads now is what is used and checked, whatever it leads to later.
    folder = Path(os.path.realpath(path))
    host = Path(os.path.realpath(usr))
    if folder.is_relative_to(host) or host.is_relative_to(folder):
        # Overlayfs would not mount one within the other.
        raise UnfitTreeError("it is in /usr, which every VM sees as it is, or above it")
    check(folder)
    first, second = BIN_FOLDERS
    for command in commands:
        place = find_in(folder, command)
        if place is None:
            raise UnfitTreeError(f"it has no program {command!r} in {second} or {first}")
        # The folder is laid over /usr, and a VM's PATH has /usr/local/bin before /usr/bin.
        if place.startswith(f"{second}/") and os.path.lexists(usr / first / command):
            raise UnfitTreeError(
                f"this machine has another {command!r} in /usr/{first}, which comes before: "
                f"put its own into {first}, or a link there"
            )
    return folder


def _missing(software: str, what: str, hint: str) -> Unavailable:
    return Unavailable("software_missing", f"the folder of the software {software!r} {what}", hint)
