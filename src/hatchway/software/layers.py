"""The cache of layers: `{cache}/layers/{name}/{version}-{architecture}/`, with `usr/`, the layer, and its manifest.

A layer is made beside the others and renamed when it is whole, under a lock that all processes share; it is never
changed afterwards, since a running VM may stand on it. What a killed process left is swept by the next one that makes a
layer of the name. Contents are trusted: they lie where only the server's user, or root, can write.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import platform
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hatchway.errors import Unavailable
from hatchway.software import manifest as manifests
from hatchway.software.manifest import Manifest, Package
from hatchway.software.trees import UnfitTreeError, make_readable

PACKAGES = "local/lib/hatchway"
"""Where the packages of a software are in its layer, in a folder of its name."""

_TEMPORARY = ".new-"
_LOCK = "lock"
_LOCK_POLL_SECONDS = 0.1
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]{0,99}")


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that is there."""

    usr: Path
    """Laid out like /usr."""
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Made:
    """What a new layer holds."""

    version: str
    packages: tuple[Package, ...]


Make = Callable[[Path, Path], Awaitable[Made]]
"""Fills the first folder, the layer's `usr`; the second, empty too, is for whatever is needed meanwhile. May raise
`UnfitTreeError`."""


class LayerCache:
    """The layers below one folder.

    Args:
        cache_dir: made when a first layer is.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._root = cache_dir / "layers"

    def all(self, name: str) -> list[Layer]:
        """Every layer of the software `name` for this machine, the last one first.

        Raises:
            Unavailable: `software_unavailable`: others could have put something there.
        """
        folder = self._root / name
        try:
            entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
        except OSError:
            return []
        self._check_owners(folder)
        layers = [layer for entry in entries if (layer := _read(Path(entry.path), name)) is not None]
        return sorted(layers, key=lambda layer: layer.manifest.number, reverse=True)

    @contextlib.asynccontextmanager
    async def locked(self, name: str) -> AsyncIterator[None]:
        """Be the only one, in all processes, who makes layers of `name`.

        Raises:
            Unavailable: as `all`.
            OSError: the cache cannot be written.
        """
        folder = self._root / name
        with self._lock_file(folder) as file:
            # flock(2) goes away with its process, so that a crash leaves no lock behind. It is polled since a thread
            # that blocks in it could not be cancelled.
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_LOCK_POLL_SECONDS)
            yield

    def _lock_file(self, folder: Path) -> IO[bytes]:
        os.makedirs(self._cache_dir.parent, exist_ok=True)
        for each in (self._cache_dir, self._root, folder):
            with contextlib.suppress(FileExistsError):
                os.mkdir(each, 0o755)
        self._check_owners(folder)
        return open(folder / _LOCK, "wb")

    def _check_owners(self, folder: Path) -> None:
        for each in (self._cache_dir, self._root, folder):
            if not _is_ours(os.stat(each)):
                raise Unavailable(
                    "software_unavailable",
                    "the cache of software belongs to another user, or others can write to it",
                    "set XDG_CACHE_HOME to a folder of the server's own user, without write permission for others",
                )

    async def add(self, name: str, source: str, commands: tuple[str, ...], make: Make) -> Layer:
        """Make a layer; `name` is locked. One that holds what the last one for the same holds is not kept.

        Args:
            name: of the software.
            source: what `Manifest.source` will say.
            commands: that it brings.
            make: fills it.

        Raises:
            Unavailable: `software_unavailable`: it cannot be a layer; and whatever `make` raises.
            OSError: the cache cannot be written.
        """
        folder = self._root / name
        await asyncio.to_thread(_sweep, folder)
        temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=folder))
        try:
            new, work = temporary / "layer", temporary / "work"
            os.makedirs(new / "usr")
            os.mkdir(work)
            made = await make(new / "usr", work)
            return await asyncio.to_thread(self._finish, new, name, source, commands, made)
        except UnfitTreeError as error:
            raise Unavailable(
                "software_unavailable",
                f"what came for the software {name!r} cannot be used: {error}",
                "another version may do",
            ) from None
        finally:
            # Thousands of files, and an event loop that has more to do.
            await asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True)

    def _finish(self, new: Path, name: str, source: str, commands: tuple[str, ...], made: Made) -> Layer:
        size = make_readable(new / "usr")
        if _VERSION.fullmatch(made.version) is None:
            raise UnfitTreeError("its version is none")
        earlier = self.all(name)
        manifest = Manifest(
            format=manifests.FORMAT,
            name=name,
            source=source,
            commands=commands,
            architecture=platform.machine(),
            version=made.version,
            number=1 + max((layer.manifest.number for layer in earlier), default=0),
            packages=made.packages,
            size=size,
        )
        last = next((each for each in earlier if _asked(each.manifest) == _asked(manifest)), None)
        if last is not None and _holds(last.manifest) == _holds(manifest):
            return last
        (new / "manifest.json").write_bytes(manifests.encode(manifest))
        new.chmod(0o755)
        # The machine may stop at any time: no name without what it stands for.
        os.sync()
        target = _free_name(self._root / name, f"{manifest.version}-{manifest.architecture}")
        os.rename(new, target)
        return Layer(target / "usr", manifest)


def _read(folder: Path, name: str) -> Layer | None:
    try:
        data = (folder / "manifest.json").read_bytes()
        if not _is_ours(os.lstat(folder)) or not (folder / "usr").is_dir():
            return None
    except OSError:
        return None
    manifest = manifests.decode(data)
    if manifest is None or manifest.name != name or manifest.architecture != platform.machine():
        return None
    return Layer(folder / "usr", manifest)


def _asked(manifest: Manifest) -> tuple[object, ...]:
    return manifest.source, manifest.commands


def _holds(manifest: Manifest) -> tuple[object, ...]:
    return manifest.version, manifest.packages, manifest.size


def _free_name(folder: Path, wanted: str) -> Path:
    names = [wanted, *(f"{wanted}-{number}" for number in range(2, 1000))]
    return next(folder / name for name in names if not os.path.lexists(folder / name))


def _sweep(folder: Path) -> None:
    # Nobody else is at work here while we hold the lock.
    for left_behind in folder.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(left_behind, ignore_errors=True)


def _is_ours(found: os.stat_result) -> bool:
    """Whether nobody but this user and root can change a folder."""
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & 0o022


def leftovers(cache_dir: Path, *, remove: bool) -> list[tuple[str, int]]:
    """What killed processes left of layers that they made: the software, and its bytes. Blocks.

    A software that somebody makes a layer of just now is passed over. Nothing is made, and no whole layer is touched.
    """
    found = []
    for folder in sorted((cache_dir / "layers").glob("*")):
        parts = [path for path in folder.glob(f"{_TEMPORARY}*") if path.is_dir() and not path.is_symlink()]
        if not parts or not _is_ours(os.stat(folder)):
            continue
        try:
            with open(folder / _LOCK, "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found.append((folder.name, sum(_size(path) for path in parts)))
                if remove:
                    _sweep(folder)
        except OSError:  # locked, or without a lock: nobody ever made a layer here
            continue
    return found


def _size(folder: Path) -> int:
    paths = (os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)
    return sum(os.lstat(path).st_blocks * 512 for path in paths)
