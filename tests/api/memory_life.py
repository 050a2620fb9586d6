"""The life of VMs, their declared services and their ports, on an in-memory system."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from hatchway.errors import Conflict, Unavailable
from hatchway.options import IdleOptions
from hatchway.vm.records import ListeningPort, VmInfo
from hatchway.vm.service_spec import ServiceInfo, ServiceSpec, check_service
from hatchway.vm.states import VmState
from hatchway.vm.supervisor import service_not_found


class MemoryLife:
    """Part of `MemoryServices`."""

    in_use = False
    log = (b"[hatchway] started as pid 7\n", b"text")

    def __init__(self) -> None:
        super().__init__()
        self.declared: dict[tuple[str, str], ServiceInfo] = {}
        self.waited: list[float] = []
        self.waiting_ended = False
        self.listening: dict[int, int] = {}
        """The ports of this machine that stand for those of every VM."""

    async def get_vm(self, vm_id: str) -> VmInfo:
        raise NotImplementedError

    def put_vm(self, info: VmInfo) -> VmInfo:
        raise NotImplementedError

    async def wake_vm(self, vm_id: str) -> VmInfo:
        return await self._to(vm_id, "running")

    async def pause_vm(self, vm_id: str) -> VmInfo:
        if self.in_use:
            raise Conflict("vm_in_use", "the VM is in use", "end what uses it")
        return await self._to(vm_id, "paused")

    async def sleep_vm(self, vm_id: str) -> VmInfo:
        return await self._to(vm_id, "asleep")

    async def set_idle(self, vm_id: str, options: IdleOptions) -> VmInfo:
        info = await self.get_vm(vm_id)
        return self.put_vm(replace(info, pause_after=options.pause_after, sleep_after=options.sleep_after))

    async def _to(self, vm_id: str, state: VmState) -> VmInfo:
        return self.put_vm(replace(await self.get_vm(vm_id), state=state))

    @asynccontextmanager
    async def connect(self, vm_id: str, port: int) -> AsyncIterator[socket.socket]:
        await self.get_vm(vm_id)
        if port not in self.listening:
            raise Unavailable("port_closed", "nothing listens on this port", status=502)
        with socket.create_connection(("127.0.0.1", self.listening[port])) as sock:
            sock.setblocking(False)
            yield sock

    async def list_ports(self, vm_id: str) -> list[ListeningPort]:
        await self.get_vm(vm_id)
        return [
            ListeningPort(3000, "127.0.0.1", "ipv4", 7, (b"node", b"\xff")),
            ListeningPort(5432, "::", "ipv6", None, ()),
        ]

    async def wait_for_port(self, vm_id: str, port: int, seconds: float) -> None:
        await self.get_vm(vm_id)
        self.waited.append(seconds)
        if port == 9:  # nothing ever listens there
            try:
                await asyncio.Event().wait()
            finally:
                self.waiting_ended = True
        if port != 3000:
            raise Conflict("port_closed", "nothing listens", "start a service")

    async def declare_service(self, vm_id: str, spec: ServiceSpec, wait_seconds: float) -> ServiceInfo:
        await self.get_vm(vm_id)
        self.waited.append(wait_seconds)
        info = self.declared[vm_id, spec.name] = ServiceInfo(check_service(spec), "ready", pid=7)
        return info

    async def list_services(self, vm_id: str) -> list[ServiceInfo]:
        await self.get_vm(vm_id)
        return [info for (vm, _name), info in sorted(self.declared.items()) if vm == vm_id]

    async def get_service(self, vm_id: str, name: str) -> ServiceInfo:
        await self.get_vm(vm_id)
        if (vm_id, name) not in self.declared:
            raise service_not_found(name)
        return self.declared[vm_id, name]

    async def remove_service(self, vm_id: str, name: str) -> bool:
        await self.get_vm(vm_id)
        return self.declared.pop((vm_id, name), None) is not None

    @asynccontextmanager
    async def service_log(
        self, vm_id: str, name: str, *, follow: bool
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        await self.get_service(vm_id, name)

        async def pieces() -> AsyncIterator[bytes]:
            for piece in (*self.log, b"followed") if follow else self.log:
                yield piece

        yield pieces()
