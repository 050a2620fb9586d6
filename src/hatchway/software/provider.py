"""Provides software to VMs: what they choose and need, as layers, each fetched once."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hatchway.errors import HatchwayError, Unavailable
from hatchway.printable import printable
from hatchway.software import folder, host_commands, node_wheel, npm, pypi
from hatchway.software.built_in import node
from hatchway.software.host_commands import USR, find_command
from hatchway.software.layers import Layer, LayerCache, Made
from hatchway.software.needs import resolve
from hatchway.software.software import Software
from hatchway.software.sources import Folder, HostCommands, NodeJs, Npm, PyPI
from hatchway.software.versions import is_at_least

State = Literal["host", "installed", "not installed", "missing"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Status:
    """What is there of a software."""

    state: State
    """`host`: of this machine, as it is. `installed`: in the cache. `not installed`: fetched when a VM first needs it.
    `missing`: it has to be provided by somebody."""
    version: str = ""
    """Where it is known."""
    problem: HatchwayError | None = None
    """Why it is missing, and what to do."""


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class SoftwareProvider:
    """Provides software.

    Args:
        cache_dir: where what is fetched is kept.
        usr: the host's.
        say: told of the progress, line by line.
    """

    def __init__(self, cache_dir: Path, *, usr: Path = USR, say: Callable[[str], None] = _to_stderr) -> None:
        self._cache = LayerCache(cache_dir)
        self._usr = usr
        # What a registry calls a version is shown to people.
        self._say: Callable[[str], None] = lambda line: say(printable(line, one_line=True))
        # What was found once is not looked for again at each boot. None: the host's /usr has it.
        self._found: dict[Software, Path | None] = {}
        self._resolved: dict[tuple[Software, ...], tuple[Software, ...]] = {}
        self._apart: set[tuple[Path, ...]] = set()

    async def layers(self, chosen: Iterable[Software]) -> list[Path]:
        """The layers of a VM with `chosen` and all that it needs, for the host's /usr: the top one first.

        Raises:
            InvalidRequest: `invalid_option`: no VM can have all of it.
            Unavailable: `software_missing` (somebody has to provide it; the hint says how), `software_not_found` (there
                is no such package) or `software_unavailable` (it cannot be fetched now).
        """
        wanted = tuple(chosen)
        resolved = self._resolved.get(wanted)
        if resolved is None:
            resolved = self._resolved[wanted] = resolve(wanted)
        provided: dict[Software, Path | None] = {}
        for software in resolved:
            provided[software] = await self._provide(software, provided)
        # What needs another is over that. A folder that is of several is mounted once.
        layers = tuple(dict.fromkeys(layer for layer in reversed(provided.values()) if layer is not None))
        if layers not in self._apart:
            _check_apart(layers, provided)
            self._apart.add(layers)
        return list(layers)

    async def upgrade(self, software: Software) -> None:
        """Ask the registry anew what a software's package, version or range means; VMs that run keep what they have.

        Raises:
            Unavailable: as `layers`.
        """
        *needs, upgraded = resolve([software])
        provided: dict[Software, Path | None] = {}
        for need in needs:
            provided[need] = await self._provide(need, provided)
        await self._provide(upgraded, provided, anew=True)

    async def status(self, software: Software) -> Status:
        """What is there of `software`; nothing is fetched.

        Raises:
            Unavailable: `software_unavailable`: the cache cannot be used.
        """
        try:
            if await self._from_host(software):
                return Status("host", await self._host_version(software))
            if isinstance(software.source, Folder):
                await folder.use(software.name, software.source, software.commands, self._usr)
                return Status("host")
            layer = self._find(software)
        except Unavailable as error:
            if error.code != "software_missing":
                raise
            return Status("missing", problem=error)
        return Status("not installed") if layer is None else Status("installed", layer.manifest.version)

    async def _provide(
        self, software: Software, provided: Mapping[Software, Path | None], *, anew: bool = False
    ) -> Path | None:
        """The layer of `software`, whose needs are provided; None: the host's /usr has it."""
        if not anew and self._is_known(software):
            return self._found[software]
        self._found[software] = await self._look_for(software, provided, anew)
        return self._found[software]

    def _is_known(self, software: Software) -> bool:
        if software not in self._found:
            return False
        layer = self._found[software]
        return layer is None or layer.is_dir()

    async def _look_for(
        self, software: Software, provided: Mapping[Software, Path | None], anew: bool
    ) -> Path | None:
        if await self._from_host(software):
            return None
        if isinstance(software.source, Folder):
            return await folder.use(software.name, software.source, software.commands, self._usr)
        try:
            found = None if anew else self._find(software)
            return (found or await self._install(software, provided, anew)).usr
        except OSError:
            raise Unavailable(
                "software_unavailable",
                f"the software {software.name!r} could not be put into the cache",
                "check that the server may write to its cache folder, and that its disk has room",
            ) from None

    async def _from_host(self, software: Software) -> bool:
        """Whether it is in the host's /usr and nowhere else."""
        match software.source:
            case HostCommands(packages):
                host_commands.require(software.name, software.commands, packages, self._usr)
                return True
            case NodeJs(at_least):
                path = find_command("node", self._usr)
                if path is None or not at_least:
                    return path is not None
                version = await node_wheel.host_version(path)
                return version is not None and is_at_least(version, at_least)
            case _:
                return False

    async def _host_version(self, software: Software) -> str:
        path = find_command("node", self._usr) if isinstance(software.source, NodeJs) else None
        return "" if path is None else await node_wheel.host_version(path) or ""

    def _find(self, software: Software) -> Layer | None:
        layers = self._cache.all(software.name)
        source = self._source(software)
        fitting = [
            each
            for each in layers
            if each.manifest.source == source and set(software.commands) <= set(each.manifest.commands)
        ]
        if isinstance(software.source, NodeJs):
            return node_wheel.newest(fitting, software.source.at_least)
        return fitting[0] if fitting else None

    def _source(self, software: Software) -> str:
        """What a layer of it is made of, for its manifest."""
        match software.source:
            case NodeJs():
                return node_wheel.SOURCE
            case PyPI():
                # Such a layer is made for one Python.
                return f"{software.source.label} for {pypi.vm_python(software.name, self._usr).name}"
            case _:
                return software.source.label

    async def _install(
        self, software: Software, provided: Mapping[Software, Path | None], anew: bool
    ) -> Layer:
        async def make(usr: Path, work: Path) -> Made:
            match software.source:
                case NodeJs():
                    return await node_wheel.install(software.name, software.source, usr, work, self._say)
                case Npm():
                    command = await self._npm(provided)
                    return await npm.install(
                        software.name, software.source, software.commands, command, usr, work, self._say
                    )
                case PyPI():
                    python = pypi.vm_python(software.name, self._usr)
                    return await pypi.install(
                        software.name, software.source, software.commands, python, usr, work, self._say
                    )
                case _:
                    raise AssertionError("nothing is installed of what is there already")

        async with self._cache.locked(software.name):
            # Another process may have been faster.
            layer = None if anew else self._find(software)
            if layer is None:
                self._say(f"{software.name}: asking for {self._source(software)}")
                layer = await self._cache.add(software.name, self._source(software), software.commands, make)
                packages = len(layer.manifest.packages)
                holds = f"{packages} packages, " if packages > 1 else ""
                size = f"{layer.manifest.size / _MIB:.1f} MiB"
                self._say(f"{software.name} {layer.manifest.version} is ready ({holds}{size})")
        return layer

    async def _npm(self, provided: Mapping[Software, Path | None]) -> list[str]:
        """The command that runs npm: the host's, since that knows all of its settings, else that of a layer."""
        command = npm.npm_of_host()
        for layer in provided.values():
            if command is None and layer is not None:
                command = npm.npm_of_layer(layer)
        if command is None:
            fetched = self._find(node) or await self._install(node, {}, False)
            command = npm.npm_of_layer(fetched.usr)
        if command is None:
            raise FileNotFoundError("npm")
        return command


def _check_apart(layers: Iterable[Path], provided: Mapping[Software, Path | None]) -> None:
    """No layer may be within another: overlayfs mounts none that are."""
    names = {layer: software.name for software, layer in provided.items() if layer is not None}
    for outer, inner in itertools.permutations(layers, 2):
        if inner.is_relative_to(outer):
            raise Unavailable(
                "software_unavailable",
                f"the folder of the software {names[inner]!r} is within that of {names[outer]!r}",
                "no VM can have both: move it out of there",
            )
