"""`hatchway software list|install`: what VMs can run, and what of it is there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hatchway.cli.options import JsonOption
from hatchway.cli.registry_loader import load_registry
from hatchway.cli.tables import HOW_LISTS_ARE_PRINTED, show_json, show_list
from hatchway.cli.terminal import say
from hatchway.errors import InvalidRequest
from hatchway.registry import Registry
from hatchway.server.configuration import Chosen, from_environment, from_flags
from hatchway.server.setting_table import SETTINGS
from hatchway.server.settings import default_cache_dir
from hatchway.software import Software
from hatchway.software.built_in import BUILT_IN
from hatchway.software.needs import resolve

if TYPE_CHECKING:
    from hatchway.software.provider import SoftwareProvider, Status

app = typer.Typer(help="What VMs can run: what of it is there, and fetching it ahead.", no_args_is_help=True)

_CACHE_DIR = SETTINGS["cache_dir"]
_READY = {"host": "of this machine, nothing to install", "installed": "installed"}

CacheDirOption = Annotated[
    Path | None, typer.Option(_CACHE_DIR.flag, metavar=_CACHE_DIR.metavar, help=_CACHE_DIR.help)
]


@app.command(
    "list",
    help="List what comes with Hatchway and what a registry offers: where it comes from, and whether it is there. "
    f"Nothing is fetched. {HOW_LISTS_ARE_PRINTED}",
)
def list_software(
    registry: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODULE:REGISTRY]", help="A registry made by setup(), such as server:registry."
        ),
    ] = None,
    as_json: JsonOption = False,
    cache_dir: CacheDirOption = None,
) -> None:
    """List software."""
    served = None if registry is None else load_registry(registry)
    listed, provider = known(served), _provider(served, cache_dir)

    async def look() -> list[Status]:
        return [await provider.status(software) for software in listed]

    found = list(zip(listed, asyncio.run(look()), strict=True))
    if as_json:
        show_json([_json(software, status) for software, status in found])
        return
    show_list(
        ("NAME", "STATE", "VERSION", "SOURCE", "COMMANDS"),
        [
            (each.name, status.state, status.version, each.source.label, " ".join(each.commands))
            for each, status in found
        ],
        nothing="there is no software",
    )
    for _, status in found:
        if status.problem is not None:
            say(f"{status.problem.message}: {status.problem.hint}")


@app.command()
def install(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="What to fetch, with all that it needs. MODULE:REGISTRY among them lets its software be named, too; "
            "alone it stands for all of that.",
        ),
    ],
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Ask anew what a version range means; running VMs keep theirs.")
    ] = False,
    cache_dir: CacheDirOption = None,
) -> None:
    """Fetch software into the cache, so that no first boot has to wait for it."""
    registries = [name for name in names if ":" in name]
    if len(registries) > 1:
        raise InvalidRequest("invalid_option", "more than one registry was given", "give one at a time")
    served = load_registry(registries[0]) if registries else None
    wanted = chosen([name for name in names if ":" not in name], served)
    provider = _provider(served, cache_dir)

    async def provide() -> None:
        for software in wanted:
            if upgrade:
                await provider.upgrade(software)
            else:
                await provider.layers([software])
            status = await provider.status(software)
            version = f" {status.version}" if status.version else ""
            say(f"{software.name}{version}: {_READY[status.state]}")

    asyncio.run(provide())


def known(registry: Registry | None) -> list[Software]:
    """The software of a registry with all that it needs, and what comes with Hatchway."""
    found = _offered(registry)
    names = {software.name for software in found}
    return found + [software for software in BUILT_IN if software.name not in names]


def chosen(names: Sequence[str], registry: Registry | None) -> list[Software]:
    """The software of these names; without any, all of the registry.

    Raises:
        InvalidRequest: `unknown_software`.
    """
    if not names:
        return _offered(registry)
    available = known(registry)
    for name in names:
        if all(software.name != name for software in available):
            raise InvalidRequest(
                "unknown_software",
                f"there is no software {name!r}",
                "there are: " + ", ".join(dict.fromkeys(software.name for software in available)),
            )
    return [software for software in available if software.name in names]


def _offered(registry: Registry | None) -> list[Software]:
    kinds = () if registry is None else registry.kinds.values()
    return list(dict.fromkeys(software for options in kinds for software in resolve(options.software)))


def _provider(registry: Registry | None, cache_dir: Path | None) -> SoftwareProvider:
    from hatchway.software.provider import SoftwareProvider

    # As `hatchway serve` chooses it, without asking for what else a server needs.
    chosen: dict[str, Chosen] = {}
    in_code: Mapping[str, Chosen] = {} if registry is None else registry.settings
    for layer in (in_code, from_environment(os.environ), from_flags({"cache_dir": cache_dir})):
        chosen.update(layer)
    folder = chosen["cache_dir"].value if "cache_dir" in chosen else default_cache_dir()
    return SoftwareProvider(folder, say=say)


def _json(software: Software, status: Status) -> dict[str, Any]:
    return {
        "name": software.name,
        "state": status.state,
        "version": status.version or None,
        "source": software.source.label,
        "commands": software.commands,
        "needs": [need.name for need in software.needs],
        "problem": None if status.problem is None else status.problem.message,
        "hint": None if status.problem is None else status.problem.hint,
    }
