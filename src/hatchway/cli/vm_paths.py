"""Where in a VM something goes that is copied or moved, as cp(1) and mv(1) have it."""

from __future__ import annotations

import posixpath

from hatchway.client import Agent
from hatchway.errors import NotFound


def joined(folder: str, name: str) -> str:
    """The path of `name` in `folder`; an empty folder is /home/user. Pure."""
    return posixpath.join(folder, name) if name else folder or "."


def last_name(path: str) -> str:
    """The name at the end of a path; empty for `.`, `..` and the root, whose content is meant. Pure."""
    name = posixpath.basename(path.rstrip("/"))
    return "" if name in {".", ".."} else name


async def is_folder(agent: Agent, path: str) -> bool:
    """Whether there is a folder at `path`, or a link to one."""
    try:
        return (await agent.stat(path or ".")).type == "directory"
    except NotFound as error:
        if error.code != "file_not_found":
            raise
        return False


async def into(agent: Agent, target: str, source: str) -> str:
    """Where `source` goes if it is copied or moved to `target`: into it, if that is a folder."""
    if target.endswith("/") or await is_folder(agent, target):
        return joined(target, last_name(source))
    return target or "."
