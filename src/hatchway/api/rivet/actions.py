"""The table of actions, under the names that the client's users know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hatchway.api.rivet import (
    cron_actions,
    file_actions,
    preview_actions,
    process_actions,
    service_actions,
    shell_actions,
)
from hatchway.api.services import Services
from hatchway.errors import NotFound

Action = Callable[[Services, str, list[Any]], Awaitable[Any]]
"""Does it in the VM with this id; returns what the client gets. Raises `HatchwayError`s."""

ACTIONS: Mapping[str, Action] = {
    **file_actions.ACTIONS,
    **process_actions.ACTIONS,
    **shell_actions.ACTIONS,
    **service_actions.ACTIONS,
    **preview_actions.ACTIONS,
    **cron_actions.ACTIONS,
}


async def act(services: Services, vm: str, name: str, arguments: list[Any]) -> Any:
    """Do an action.

    Raises:
        NotFound: `unknown_action`.
        InvalidRequest: `invalid_arguments`, and what the operation behind it refuses.
    """
    action = ACTIONS.get(name)
    if action is None:
        raise NotFound(
            "unknown_action",
            f"this server has no action named {name[:100]!r}",
            "docs/from-rivet.md lists them",
        )
    return await action(services, vm, arguments)
