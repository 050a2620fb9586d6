"""`hatchway spawn KEY -- COMMAND…`: start a program in a VM and let it run."""

from __future__ import annotations

import sys

from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    CommandArgument,
    CwdOption,
    EnvOption,
    KeyArgument,
    KindOption,
    UrlOption,
    environment,
    with_agent,
)
from hatchway.client import Agent, Process


def spawn(
    key: KeyArgument,
    command: CommandArgument,
    env: EnvOption = None,
    cwd: CwdOption = None,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Start a program in a VM, let it run, and print its pid.

    hatchway output shows what it writes, hatchway ps whether it runs, hatchway kill ends it.
    """
    variables = environment(env)

    async def start(agent: Agent) -> Process:
        return await agent.spawn(command[0], command[1:], env=variables, cwd=cwd)

    sys.stdout.write(f"{with_agent(url, kind, key, start).pid}\n")
