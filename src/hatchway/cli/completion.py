"""Completing words in the user's shell: the keys of VMs, and paths in them.

What is offered comes from servers and guests, and shells give characters a meaning, zsh even as code. So nothing is
offered but plain words. Nothing is said when the server does not answer, and no VM is made or started.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from hatchway.cli.locations import InVm, Local, parse_location
from hatchway.client import AsyncClient
from hatchway.client.aio.client import DEFAULT_URL
from hatchway.errors import HatchwayError
from hatchway.vm.key import format_key, unformat_key

SECONDS = 1.0
"""How long the user's shell may stand still."""
MAX_WORDS = 500

# Characters to which no shell gives a meaning of its own, whatever stands before and behind them; `~` and `=` have one
# in front, and `-` there would be an option.
_PLAIN = re.compile(r"[\w./@%+,][\w./@%+,:=~-]*")


def plain_words(words: Iterable[str]) -> list[str]:
    """Those of `words` that every shell takes as they are. Pure."""
    return [word for word in words if _PLAIN.fullmatch(word)][:MAX_WORDS]


def complete_key(ctx: Any, incomplete: str) -> list[str]:
    """The keys that begin with `incomplete`, of the server's VMs of the kind in question."""
    return plain_words(_keys(ctx, incomplete))


def complete_path(ctx: Any, incomplete: str) -> list[str]:
    """The paths that begin with `incomplete`, in the VM whose key was given before."""
    return plain_words(_paths(ctx, str(ctx.params.get("key")), incomplete))


def complete_location(ctx: Any, incomplete: str) -> list[str]:
    """`KEY:PATH` and local paths that begin with `incomplete`."""
    given = [text for name in ("sources", "target") for text in _texts(ctx.params.get(name))]
    if given[-1:] == [":"]:  # bash takes a colon for a word of its own
        return plain_words(_paths(ctx, given[-2], incomplete)) if len(given) > 1 else []
    location = parse_location(incomplete)
    if isinstance(location, InVm):
        found = _paths(ctx, location.key, location.path)
        return plain_words(incomplete.removesuffix(location.path) + path for path in found)
    keys = [] if incomplete.startswith(("/", ".")) else _keys(ctx, incomplete)
    local = _local_paths(incomplete) if isinstance(location, Local) else []
    return plain_words([f"{key}:" for key in keys if ":" not in key] + local)


def _keys(ctx: Any, incomplete: str) -> list[str]:
    async def ask(client: AsyncClient) -> list[str]:
        return [format_key(vm.key) for vm in await client.list_vms() if vm.kind == ctx.params.get("kind")]

    return [key for key in _ask(ctx, ask) if key.startswith(incomplete)]


def _paths(ctx: Any, key: str, incomplete: str) -> list[str]:
    folder, slash, beginning = incomplete.rpartition("/")

    async def ask(client: AsyncClient) -> list[str]:
        wanted = unformat_key(key)
        running = {(vm.kind, vm.key) for vm in await client.list_vms() if vm.state == "running"}
        if (ctx.params.get("kind"), wanted) not in running:
            return []
        agent = await client.kind(ctx.params["kind"]).get(wanted)
        entries = await agent.readdir_recursive(folder + slash or ".", max_depth=1)
        return [entry.path + "/" * (entry.type == "directory") for entry in entries]

    names = [name for name in _ask(ctx, ask) if name.startswith(beginning)]
    return [folder + slash + name for name in names if beginning or not name.startswith(".")]


def _local_paths(incomplete: str) -> list[str]:
    folder, slash, beginning = incomplete.rpartition("/")
    try:
        with os.scandir(folder + slash or ".") as entries:
            names = sorted(entry.name + "/" * entry.is_dir() for entry in entries)
    except OSError:
        return []
    names = [name for name in names if name.startswith(beginning)]
    return [folder + slash + name for name in names if beginning or not name.startswith(".")]


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(each) for each in value] if isinstance(value, (list, tuple)) else []


def _ask(ctx: Any, question: Callable[[AsyncClient], Awaitable[list[str]]]) -> list[str]:
    """The server's answer; nothing for whatever goes wrong, which the command itself will tell."""

    async def ask() -> list[str]:
        async with asyncio.timeout(SECONDS), AsyncClient(ctx.params.get("url") or DEFAULT_URL) as client:
            return await question(client)

    try:
        return asyncio.run(ask())
    except (HatchwayError, TimeoutError):
        return []
