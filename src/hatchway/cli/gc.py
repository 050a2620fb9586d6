"""`hatchway gc`: remove what nobody owns any more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hatchway.cli.options import DEFAULT_URL, JsonOption, UrlOption, with_client
from hatchway.cli.running import run
from hatchway.cli.sizes import size
from hatchway.cli.tables import HOW_LISTS_ARE_PRINTED, show_json, show_list
from hatchway.cli.terminal import say
from hatchway.client import Garbage
from hatchway.errors import ConnectionFailed
from hatchway.server.configuration import Chosen, from_environment, from_flags
from hatchway.server.settings import default_cache_dir, default_data_dir

_WORDS = {
    "vm_folder": "files of a VM that there is not",
    "service_logs": "logs of a VM that there is not",
    "unfinished_layer": "unfinished software",
}

HELP = f"""Remove what nobody owns any more: files of VMs that there are not, and unfinished software.

A running server is asked to do it, which is safe at any time; if none runs, it is done here. {HOW_LISTS_ARE_PRINTED}
"""


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing; list what would be.")] = False,
    as_json: JsonOption = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Look in this data folder, which no server may be using, instead of asking a server.",
            metavar="FOLDER",
        ),
    ] = None,
    cache_dir: Annotated[
        Path | None, typer.Option(help="The folder of fetched software; with --data-dir.", metavar="FOLDER")
    ] = None,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Remove what nobody owns any more."""
    found = _collect(url, data_dir, cache_dir, dry_run=dry_run)
    total = sum(each.bytes for each in found)
    if as_json:
        items = [{"kind": each.kind, "name": each.name, "bytes": each.bytes} for each in found]
        show_json({"dry_run": dry_run, "bytes": total, "items": items})
        return
    show_list(
        ("WHAT", "NAME", "SIZE"),
        [(_WORDS[each.kind], each.name, size(each.bytes)) for each in found],
        nothing="there is nothing that nobody owns",
        numbers=("SIZE",),
    )
    if found:
        say(f"{size(total)} would be freed" if dry_run else f"{size(total)} freed")


def _collect(url: str, data_dir: Path | None, cache_dir: Path | None, *, dry_run: bool) -> Sequence[Garbage]:
    if data_dir is None and cache_dir is None:
        try:
            return with_client(url, lambda client: client.collect_garbage(dry_run=dry_run))
        except ConnectionFailed as error:
            if error.code != "server_unreachable" or url != DEFAULT_URL:
                raise
    from hatchway.server.offline_gc import collect_offline

    # As `hatchway serve` chooses them, without asking for what else a server needs.
    chosen: dict[str, Chosen] = {}
    for layer in (from_environment(os.environ), from_flags({"data_dir": data_dir, "cache_dir": cache_dir})):
        chosen.update(layer)
    data = chosen["data_dir"].value if "data_dir" in chosen else default_data_dir()
    cache = chosen["cache_dir"].value if "cache_dir" in chosen else default_cache_dir()
    found = run(collect_offline(data, cache, dry_run=dry_run))
    return [Garbage(each.kind, each.name, each.bytes) for each in found]
