"""Commands of the host's /usr, which every VM sees read-only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from hatchway.errors import Unavailable

USR = Path("/usr")
BIN_FOLDERS = ("local/bin", "bin")
"""Where a VM's PATH looks, in that order, relative to /usr. On a merged-usr host /bin is /usr/bin."""


def find_command(name: str, usr: Path = USR) -> Path | None:
    """The executable file that `name` is in a VM, or None.

    What lies outside /usr after links are resolved (in somebody's home, say) does not count: no VM sees it.
    """
    root = os.path.realpath(usr)
    for folder in BIN_FOLDERS:
        real = os.path.realpath(usr / folder / name)
        if os.path.commonpath([root, real]) != root:
            continue
        try:
            mode = os.stat(real).st_mode
        except OSError:
            continue
        # The VM's processes are neither the owner nor in the group of the host's files.
        if stat.S_ISREG(mode) and mode & stat.S_IXOTH:
            return Path(real)
    return None


def require(software: str, commands: Iterable[str], packages: Mapping[str, str], usr: Path = USR) -> None:
    """Check that the host has what a software is made of.

    Args:
        software: its name.
        commands: what must be in `usr`.
        packages: the Debian and Ubuntu package of each command, where it is known.
        usr: the host's.

    Raises:
        Unavailable: `software_missing`, with the packages to install.
    """
    missing = [command for command in commands if find_command(command, usr) is None]
    if missing:
        wanted = " ".join(sorted({packages[command] for command in missing if command in packages}))
        raise Unavailable(
            "software_missing",
            f"the software {software!r} needs commands that this machine lacks: {', '.join(missing)}",
            f"sudo apt-get install {wanted}" if wanted else "install them so that they are in /usr",
        )
