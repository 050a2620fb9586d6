"""The software that comes with Hatchway. Pure."""

from __future__ import annotations

from dataclasses import replace

from hatchway.software.software import Software
from hatchway.software.sources import HostCommands, NodeJs, Npm

PI_VERSION = "0.87.1"
"""The version of the Pi coding agent. It names its own dependencies exactly (npm-shrinkwrap.json)."""

_COMMON_PACKAGES = {
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

common = Software("common", tuple(_COMMON_PACKAGES), HostCommands(_COMMON_PACKAGES))
"""A shell, coreutils, sed, grep, awk, find, diff, tar and gzip: the host's."""

python = Software("python", ("python3",), HostCommands({"python3": "python3"}))
"""The host's Python."""

node = Software("node", ("node", "npm", "npx"), NodeJs())
"""Node.js with npm and npx, of whatever version. A host's own counts even where it is without npm."""


def node_at_least(version: str) -> Software:
    """`node`, of `version` such as `22.19` or a later one. In one VM the newest that anything asks for is for all.

    Raises:
        InvalidRequest: `invalid_option` for what is no version.
    """
    return replace(node, source=NodeJs(version))


pi = Software(
    "pi",
    ("pi",),
    Npm(f"@earendil-works/pi-coding-agent@{PI_VERSION}"),
    needs=(node_at_least("22.19"),),
)
"""The Pi coding agent."""

BUILT_IN = (common, node, python, pi)
"""All of them."""
