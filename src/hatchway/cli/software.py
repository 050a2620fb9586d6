"""`hatchway software list|install`: what VMs can run, and what of it is there."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from hatchway.cli.registry_loader import load_registry
from hatchway.cli.terminal import out, say
from hatchway.errors import InvalidRequest
from hatchway.software import BUILT_IN, Software, resolve

if TYPE_CHECKING:
    from hatchway.software.provider import SoftwareProvider, Status

app = typer.Typer(help="What VMs can run: what is there of it, and fetching it ahead.", no_args_is_help=True)

_STYLES = {"host": "green", "installed": "green", "not installed": "yellow", "missing": "bold red"}


@app.command("list")
def list_software(
    registry: Annotated[
        str | None,
        typer.Argument(
            metavar="MODULE:REGISTRY",
            help="A registry whose software is listed, too, such as server:registry.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List software, where it comes from, and whether it is there. Nothing is fetched."""
    provider = _provider()
    listed = known(registry)

    async def look() -> list[Status]:
        return [await provider.status(software) for software in listed]

    statuses = asyncio.run(look())
    if as_json:
        entries = [_entry(software, status) for software, status in zip(listed, statuses, strict=True)]
        sys.stdout.write(json.dumps(entries, indent=2) + "\n")
        return
    console = out()
    console.soft_wrap = False
    console.print(_table(listed, statuses))


@app.command()
def install(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="What to fetch, with all that it needs. One may be MODULE:REGISTRY, whose software is known by name, "
            "too; on its own it stands for all of its software.",
            show_default=False,
        ),
    ],
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Ask anew what a version range means; running VMs keep theirs.")
    ] = False,
) -> None:
    """Fetch software into the cache, so that no first boot has to wait for it."""
    registries = [name for name in names if ":" in name]
    if len(registries) > 1:
        raise InvalidRequest("invalid_option", "more than one registry was given", "give one at a time")
    registry = registries[0] if registries else None
    wanted = chosen([name for name in names if ":" not in name], registry)
    provider = _provider()

    async def provide() -> None:
        for software in wanted:
            if upgrade:
                await provider.upgrade(software)
            else:
                await provider.layers([software])
            status = await provider.status(software)
            version = f" {status.version}" if status.version else ""
            say(f"{software.name}{version}: " + _READY[status.state])

    asyncio.run(provide())


_READY = {"host": "of this machine, nothing to install", "installed": "installed"}


def known(registry: str | None) -> list[Software]:
    """The software of a registry with all that it needs, and what comes with Hatchway."""
    found = _of_registry(registry)
    names = {software.name for software in found}
    return found + [software for software in BUILT_IN if software.name not in names]


def chosen(names: Sequence[str], registry: str | None) -> list[Software]:
    """The software of these names; without any, all of the registry.

    Raises:
        InvalidRequest: `unknown_software`; `invalid_registry`.
    """
    if not names:
        return _of_registry(registry)
    available = known(registry)
    for name in names:
        if all(software.name != name for software in available):
            raise InvalidRequest(
                "unknown_software",
                f"there is no software {name!r}",
                "there are: " + ", ".join(dict.fromkeys(software.name for software in available)),
            )
    return [software for software in available if software.name in names]


def _of_registry(registry: str | None) -> list[Software]:
    if registry is None:
        return []
    kinds = load_registry(registry).kinds.values()
    return list(dict.fromkeys(software for options in kinds for software in resolve(options.software)))


def _provider() -> SoftwareProvider:
    from hatchway.server.settings import default_cache_dir
    from hatchway.software.provider import SoftwareProvider

    return SoftwareProvider(default_cache_dir(), say=say)


def _entry(software: Software, status: Status) -> dict[str, object]:
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


def _table(listed: Iterable[Software], statuses: Iterable[Status]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for software, status in zip(listed, statuses, strict=True):
        name = Text.assemble((software.name, "bold"), f" {status.version}" if status.version else "")
        table.add_row(
            Text(status.state, style=_STYLES[status.state]), name, Text(" ".join(software.commands))
        )
        table.add_row("", "", Text(f"from {software.source.label}", style="dim"))
        if status.problem is not None:
            table.add_row("", "", Text(f"→ {status.problem.hint}", style="cyan"))
    return table
