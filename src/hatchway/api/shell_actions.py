"""What the control API needs for events and shells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from hatchway.vm.event_log import EventLog
from hatchway.vm.records import ShellInfo, ShellRequest


class ShellActions(Protocol):
    """Part of `hatchway.api.services.Services`, by whose rules it goes. None of it wakes a VM but `open_shell`.

    A shell that is named and not open is `NotFound` `shell_not_found` in each.
    """

    async def events(self, vm_id: str) -> EventLog:
        """What has happened in a VM since the server started, and happens from now on."""
        ...

    async def open_shell(self, vm_id: str, request: ShellRequest) -> ShellInfo:
        """Start a program on a terminal of its own. Until it ends the VM is neither paused nor put to sleep by itself.

        Raises:
            Conflict: `too_many_shells`.
        """
        ...

    async def list_shells(self, vm_id: str) -> list[ShellInfo]:
        """The shells of a VM, the last of those that have ended included, in the order they were opened."""
        ...

    async def write_shell(self, vm_id: str, shell_id: str, chunks: AsyncIterator[bytes]) -> int:
        """Type into a shell, behind those who came before.

        Returns:
            The bytes written: all of them. A write that is cancelled stops where it is.

        Raises:
            Conflict: `shell_ended`.
        """
        ...

    async def resize_shell(self, vm_id: str, shell_id: str, cols: int, rows: int) -> None:
        """Give the terminal of a shell another size."""
        ...

    async def close_shell(self, vm_id: str, shell_id: str) -> None:
        """End a shell, and wait until it has ended. One that has already is no error."""
        ...
