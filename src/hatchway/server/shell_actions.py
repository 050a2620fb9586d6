"""Events and shells, for the control API."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hatchway.vm.event_log import EventLog
from hatchway.vm.manager import VmManager
from hatchway.vm.records import ShellInfo, ShellRequest
from hatchway.vm.shell import shell_not_found
from hatchway.vm.shells import Shells


class ServerShellActions:
    """Implements `hatchway.api.shell_actions.ShellActions`."""

    _manager: VmManager

    async def events(self, vm_id: str) -> EventLog:
        """See `ShellActions`."""
        return await self._manager.events(vm_id)

    async def open_shell(self, vm_id: str, request: ShellRequest) -> ShellInfo:
        """See `ShellActions`."""
        life = await self._manager.life(vm_id)
        async with self._manager.using(vm_id) as machine:
            shell = await machine.shells.open(request)
            life.begin_use()
            shell.exit.add_done_callback(lambda _: life.end_use())
            return shell.info()

    async def list_shells(self, vm_id: str) -> list[ShellInfo]:
        """See `ShellActions`."""
        machine = (await self._manager.life(vm_id)).machine
        return [] if machine is None else machine.shells.infos()

    async def write_shell(self, vm_id: str, shell_id: str, chunks: AsyncIterator[bytes]) -> int:
        """See `ShellActions`."""
        return await (await self._shells(vm_id)).write(shell_id, chunks)

    async def resize_shell(self, vm_id: str, shell_id: str, cols: int, rows: int) -> None:
        """See `ShellActions`."""
        (await self._shells(vm_id)).resize(shell_id, cols, rows)

    async def close_shell(self, vm_id: str, shell_id: str) -> None:
        """See `ShellActions`."""
        await (await self._shells(vm_id)).close(shell_id)

    async def _shells(self, vm_id: str) -> Shells:
        # An open shell keeps its VM running: in one that does not run, none is open.
        machine = (await self._manager.life(vm_id)).machine
        if machine is None:
            raise shell_not_found()
        return machine.shells
