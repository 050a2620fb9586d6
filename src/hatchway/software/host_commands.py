"""Commands of the host's /usr, which every VM sees read-only."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from hatchway.errors import Unavailable
from hatchway.software.layer import Software

USR = Path("/usr")
BIN_FOLDERS = ("local/bin", "bin")
"""Where a VM's PATH looks, in that order, relative to /usr. On a merged-usr host /bin is /usr/bin."""

COMMON_PACKAGES: Mapping[str, str] = MappingProxyType(
    {
        "sh": "dash",
        "cat": "coreutils",
        "cp": "coreutils",
        "env": "coreutils",
        "ls": "coreutils",
        "mkdir": "coreutils",
        "mv": "coreutils",
        "rm": "coreutils",
        "sort": "coreutils",
        "sed": "sed",
        "grep": "grep",
        "awk": "gawk",
        "find": "findutils",
        "xargs": "findutils",
        "diff": "diffutils",
        "tar": "tar",
        "gzip": "gzip",
    }
)
"""A command of `common`, and the Debian and Ubuntu package that has it."""


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


def require(software: str, packages: Mapping[str, str], usr: Path = USR) -> None:
    """Raise `Unavailable` `software_missing` unless every command in `packages` is in `usr`."""
    missing = [command for command in packages if find_command(command, usr) is None]
    if missing:
        wanted = " ".join(sorted({packages[command] for command in missing}))
        raise Unavailable(
            "software_missing",
            f"the software {software!r} needs commands that this machine lacks: {', '.join(missing)}",
            f"sudo apt-get install {wanted}",
        )


async def _provide_common(cache_dir: Path) -> None:
    require("common", COMMON_PACKAGES)


async def _provide_python(cache_dir: Path) -> None:
    require("python", {"python3": "python3"})


common = Software("common", tuple(COMMON_PACKAGES), _provide_common)
"""A shell, coreutils, sed, grep, awk, find, diff, tar and gzip."""

python = Software("python", ("python3",), _provide_python)
"""The host's Python."""
