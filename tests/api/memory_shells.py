"""Events and shells, on an in-memory system."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from hatchway.errors import Conflict
from hatchway.vm.event_log import EventLog
from hatchway.vm.records import ShellInfo, ShellRequest, VmInfo
from hatchway.vm.shell import shell_not_found


class MemoryShells:
    """Part of `MemoryServices`."""

    def __init__(self) -> None:
        super().__init__()
        self.event_log = EventLog(lambda: 1_000_002.5)
        self.shells: dict[str, ShellInfo] = {}
        self.opened: list[ShellRequest] = []
        self.typed: list[tuple[str, bytes]] = []
        self.shell_sizes: list[tuple[str, int, int]] = []
        self.closed_shells: list[str] = []
        self.shell_reads = asyncio.Event()
        self.shell_reads.set()

    async def get_vm(self, vm_id: str) -> VmInfo:
        raise NotImplementedError

    async def events(self, vm_id: str) -> EventLog:
        await self.get_vm(vm_id)
        return self.event_log

    async def open_shell(self, vm_id: str, request: ShellRequest) -> ShellInfo:
        await self.get_vm(vm_id)
        if len(self.shells) == 3:
            raise Conflict("too_many_shells", "3 shells are open in this VM")
        self.opened.append(request)
        name = f"{len(self.shells):0>20x}"
        command = [request.command or "bash", *request.args]
        info = ShellInfo(name, command, 9, "running", None, None, request.cols, request.rows, 1_000_001.5)
        self.shells[name] = info
        return info

    async def list_shells(self, vm_id: str) -> list[ShellInfo]:
        await self.get_vm(vm_id)
        return list(self.shells.values())

    async def write_shell(self, vm_id: str, shell_id: str, chunks: AsyncIterator[bytes]) -> int:
        await self._check_shell(vm_id, shell_id)
        written = 0
        async for chunk in chunks:
            await self.shell_reads.wait()
            self.typed.append((shell_id, chunk))
            written += len(chunk)
        return written

    async def resize_shell(self, vm_id: str, shell_id: str, cols: int, rows: int) -> None:
        await self._check_shell(vm_id, shell_id)
        self.shell_sizes.append((shell_id, cols, rows))

    async def close_shell(self, vm_id: str, shell_id: str) -> None:
        await self._check_shell(vm_id, shell_id)
        self.closed_shells.append(shell_id)

    async def _check_shell(self, vm_id: str, shell_id: str) -> None:
        await self.get_vm(vm_id)
        if shell_id not in self.shells:
            raise shell_not_found()
