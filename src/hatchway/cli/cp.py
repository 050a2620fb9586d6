"""`hatchway cp SOURCE… TARGET`: copy files and folders into a VM, out of it, and from one to another."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Sequence
from typing import Annotated

import typer

from hatchway.cli.completion import complete_location
from hatchway.cli.each import for_each
from hatchway.cli.local_files import is_folder_here, is_special, writing_whole
from hatchway.cli.locations import InVm, Local, Location, Stream, format_location, parse_location
from hatchway.cli.options import DEFAULT_KIND, DEFAULT_URL, KindOption, UrlOption, with_client
from hatchway.cli.progress import progress_bar
from hatchway.cli.streams import read_in, write_out
from hatchway.cli.vm_paths import into, is_folder, joined, last_name
from hatchway.client import Agent, AsyncClient
from hatchway.errors import InvalidRequest
from hatchway.vm.key import unformat_key


def cp(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="What is copied.", autocompletion=complete_location),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="Its copy, or the folder it is copied into.",
            autocompletion=complete_location,
        ),
    ],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", "-R", help="Accepted; folders are copied anyway.")
    ] = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Copy files and folders between this machine and a VM, or between VMs.

    KEY:PATH is in a VM, and KEY: its home folder. Anything else is on this machine: write a path with a colon as
    ./a:b. For one file - is standard input or output.
    """
    whence, whither = [parse_location(source) for source in sources], parse_location(target)
    check_copy(whence, whither)

    async def copy(client: AsyncClient) -> int:
        copier = _Copier(client, kind)
        if len(whence) > 1:
            await copier.check_folder(whither)
        return await for_each(whence, lambda source: copier.copy(source, whither), format_location)

    raise typer.Exit(with_client(url, copy))


def check_copy(sources: Sequence[Location], target: Location) -> None:
    """Refuse what no copy can be. Pure.

    Raises:
        InvalidRequest: `invalid_copy`.
    """
    if not isinstance(target, InVm) and not all(isinstance(source, InVm) for source in sources):
        raise InvalidRequest(
            "invalid_copy",
            "neither the source nor the target is in a VM",
            "KEY:PATH is a file in a VM, as in hatchway cp notes.txt my-agent:notes.txt",
        )
    if len(sources) > 1 and (isinstance(target, Stream) or any(isinstance(each, Stream) for each in sources)):
        raise InvalidRequest(
            "invalid_copy", "standard input and output are one file each", "copy it by a command of its own"
        )
    if isinstance(target, InVm) and isinstance(sources[0], Stream) and not last_name(target.path):
        raise InvalidRequest(
            "invalid_copy", "what comes on standard input has no name", "give the path of the file it becomes"
        )


class _Copier:
    """Copies by one client."""

    def __init__(self, client: AsyncClient, kind: str) -> None:
        self._client, self._kind = client, kind

    async def check_folder(self, target: Location) -> None:
        """Refuse a target that cannot hold several sources."""
        if isinstance(target, InVm):
            holds = await is_folder(await self._agent(target, make=True), target.path)
        else:
            holds = isinstance(target, Local) and is_folder_here(target.path)
        if not holds:
            raise InvalidRequest(
                "invalid_copy",
                f"{format_location(target)} is no folder, and several things cannot become one file",
                "make it first" if isinstance(target, Local) else "make it first, with hatchway mkdir",
            )

    async def copy(self, source: Location, target: Location) -> None:
        if isinstance(target, InVm):
            agent = await self._agent(target, make=True)
            if isinstance(source, InVm):
                await _between(await self._agent(source), source.path, agent, target.path)
            elif isinstance(source, Local):
                await _upload(agent, source.path, target.path)
            else:
                await agent.write_file(target.path, read_in())
        else:
            assert isinstance(source, InVm)
            agent = await self._agent(source)
            if isinstance(target, Local):
                await _download(agent, source.path, target.path)
            else:
                async for chunk in agent.stream_file(source.path):
                    write_out(chunk)

    async def _agent(self, location: InVm, *, make: bool = False) -> Agent:
        kind, key = self._client.kind(self._kind), unformat_key(location.key)
        return kind.get_or_create(key) if make else await kind.get(key)


async def _upload(agent: Agent, source: str, target: str) -> None:
    path = await into(agent, target, source)
    with progress_bar(source) as report:
        await agent.upload(source, path, progress=report)


async def _download(agent: Agent, source: str, target: str) -> None:
    if is_special(target):
        with writing_whole(target) as write:
            async for chunk in agent.stream_file(source):
                write(chunk)
        return
    if target.endswith("/") or is_folder_here(target):
        target = joined(target, last_name(source))
    with progress_bar(source) as report:
        await agent.download(source or ".", target, progress=report)


async def _between(agent: Agent, source: str, other: Agent, target: str) -> None:
    path = await into(other, target, source)
    if (await agent.stat(source or ".")).type == "file":
        await other.write_file(path, agent.stream_file(source))
        return
    with tempfile.TemporaryDirectory(prefix="hatchway-cp-") as folder:
        held = posixpath.join(folder, "copy")
        await agent.download(source or ".", held)
        await other.upload(held, path)
