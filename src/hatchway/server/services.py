"""The operations of the control API, carried out by the VM manager and the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import hatchway
from hatchway.api.targets import preview_not_found
from hatchway.errors import Conflict
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.listener import Gateway
from hatchway.preview import token as tokens
from hatchway.preview.address import fetch_path
from hatchway.preview.grant import CorsMode, Grant, validate_expiry, validate_port
from hatchway.server.cron import CronRunner
from hatchway.server.cron_actions import ServerCronActions
from hatchway.server.disk_actions import ServerDiskActions
from hatchway.server.life_actions import ServerLifeActions
from hatchway.server.port_actions import ServerPortActions
from hatchway.server.service_actions import ServerServiceActions
from hatchway.server.shell_actions import ServerShellActions
from hatchway.store.preview_rows import PreviewRow
from hatchway.store.previews import Previews
from hatchway.store.services import Services as DeclaredServices
from hatchway.vm.files import OpenFile
from hatchway.vm.key import Key
from hatchway.vm.manager import VmManager
from hatchway.vm.records import (
    ExecRequest,
    FileEntry,
    FileInfo,
    ListingEnd,
    MintedPreview,
    OutputEvent,
    PreviewInfo,
    ProcessEvent,
    ProcessInfo,
    SpawnRequest,
    SystemProcess,
    Unpacked,
    VmInfo,
)


class ServerServices(
    ServerLifeActions,
    ServerPortActions,
    ServerServiceActions,
    ServerCronActions,
    ServerDiskActions,
    ServerShellActions,
):
    """Implements `hatchway.api.services.Services`.

    Args:
        manager: the VMs.
        previews: the stored previews.
        declared: the stored services.
        cron: runs cron jobs.
        gateway: told when something it may be relaying ends.
        preview_url: the host-mode address of a token, once the server listens; None: nobody could visit a preview.
        limits: how long to wait for services.
    """

    version = hatchway.__version__

    def __init__(
        self,
        manager: VmManager,
        previews: Previews,
        declared: DeclaredServices,
        cron: CronRunner,
        gateway: Gateway,
        preview_url: Callable[[str], str] | None,
        limits: GatewayLimits | None = None,
    ) -> None:
        self._manager = manager
        self._previews = previews
        self._declared = declared
        self._cron = cron
        self._gateway = gateway
        self._preview_url = preview_url
        self._limits = limits or GatewayLimits()

    async def get_or_create_vm(self, name: str, key: Key) -> tuple[VmInfo, bool]:
        """See `Services`."""
        return await self._manager.get_or_create(name, key)

    async def list_vms(self, name: str | None = None, key: Key | None = None) -> list[VmInfo]:
        """See `Services`."""
        return await self._manager.list(name, key)

    async def get_vm(self, vm_id: str) -> VmInfo:
        """See `Services`."""
        return await self._manager.get(vm_id)

    async def destroy_vm(self, vm_id: str) -> None:
        """See `Services`."""
        revoked = await self._manager.destroy(vm_id)
        self._gateway.forget_vm(vm_id)
        await self._gateway.close_grants(revoked)
        await self._cron.forget_vm(vm_id)

    async def write_file(
        self,
        vm_id: str,
        path: bytes,
        chunks: AsyncIterator[bytes],
        mode: int | None,
        *,
        parents: bool = False,
    ) -> int:
        """See `Services`."""
        self._manager.disks.check_room()
        async with self._manager.using(vm_id) as machine:
            return await machine.write_file(path, chunks, mode, parents=parents)

    @asynccontextmanager
    async def read_file(self, vm_id: str, path: bytes) -> AsyncIterator[OpenFile]:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine, machine.read_file(path) as file:
            yield file

    async def file_exists(self, vm_id: str, path: bytes) -> bool:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            return await machine.exists(path)

    async def file_info(self, vm_id: str, path: bytes, *, follow: bool) -> FileInfo:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            return await machine.stat(path, follow=follow)

    async def make_directory(self, vm_id: str, path: bytes, *, recursive: bool, mode: int | None) -> None:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            await machine.make_directory(path, recursive=recursive, mode=mode)

    async def move_file(self, vm_id: str, source: bytes, target: bytes) -> None:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            await machine.move_file(source, target)

    async def delete_file(self, vm_id: str, path: bytes, *, recursive: bool = False) -> None:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            await machine.delete_file(path, recursive=recursive)

    @asynccontextmanager
    async def list_folder(
        self, vm_id: str, path: bytes, max_depth: int | None, exclude: Sequence[bytes]
    ) -> AsyncIterator[AsyncIterator[list[FileEntry] | ListingEnd]]:
        """See `Services`."""
        async with (
            self._manager.using(vm_id) as machine,
            machine.list_folder(path, max_depth, exclude) as listing,
        ):
            yield listing

    @asynccontextmanager
    async def archive(self, vm_id: str, path: bytes) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine, machine.archive(path) as pieces:
            yield pieces

    async def unpack(self, vm_id: str, path: bytes, chunks: AsyncIterator[bytes]) -> Unpacked:
        """See `Services`."""
        self._manager.disks.check_room()
        async with self._manager.using(vm_id) as machine:
            return await machine.unpack(path, chunks)

    @asynccontextmanager
    async def exec(self, vm_id: str, request: ExecRequest) -> AsyncIterator[AsyncIterator[ProcessEvent]]:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine, machine.exec(request) as events:
            yield events

    async def spawn(self, vm_id: str, request: SpawnRequest) -> int:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            return await machine.spawn(request)

    async def list_processes(self, vm_id: str) -> list[ProcessInfo]:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            return machine.processes.list()

    async def all_processes(self, vm_id: str) -> list[SystemProcess]:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            return await machine.processes.list_all()

    async def get_process(self, vm_id: str, pid: int) -> ProcessInfo:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            return machine.processes.get(pid).info()

    async def wait_process(self, vm_id: str, pid: int) -> ProcessInfo:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            return await machine.processes.wait(pid)

    async def write_process_stdin(self, vm_id: str, pid: int, chunks: AsyncIterator[bytes]) -> int:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            return await machine.processes.write_stdin(pid, chunks)

    async def close_process_stdin(self, vm_id: str, pid: int) -> None:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            machine.processes.close_stdin(pid)

    @asynccontextmanager
    async def process_output(
        self, vm_id: str, pid: int, offset: int, *, follow: bool
    ) -> AsyncIterator[AsyncIterator[OutputEvent]]:
        """See `Services`."""
        async with (
            self._manager.using(vm_id) as machine,
            aclosing(machine.processes.output(pid, offset, follow=follow)) as events,
        ):
            yield events

    async def signal_spawned(self, vm_id: str, pid: int, signal: int) -> None:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            await machine.processes.signal(pid, signal)

    async def signal_process(self, vm_id: str, pid: int, signal: int) -> None:
        """See `Services`."""
        async with self._manager.using(vm_id) as machine:
            await machine.processes.signal_any(pid, signal)

    async def create_preview(
        self,
        vm_id: str,
        port: int,
        expires_in_seconds: object,
        *,
        forward_host: bool = False,
        cors: CorsMode = "open",
        label: str = "",
        wake: bool = True,
    ) -> MintedPreview:
        """See `Services`."""
        if self._preview_url is None:
            raise Conflict(
                "no_listener",
                "nobody could visit a preview: this VM is its program's own, and no server listens",
                "run a server, with hatchway serve or setup(…).start(), and take the VM from there",
            )
        port = validate_port(port)
        seconds = await self._life(vm_id, expires_in_seconds)
        token, grant = await self._previews.mint(
            vm_id, port, seconds, forward_host=forward_host, app_cors=cors == "app", wake=wake, label=label
        )
        return MintedPreview(
            id=tokens.preview_id(tokens.digest(token)),
            token=token,
            path=fetch_path(token),
            port=grant.port,
            expires_at=grant.expires_at,
            url=self._preview_url(token),
            forward_host=grant.forward_host,
            cors=grant.cors,
            label=label,
            wake=grant.wake,
        )

    async def list_previews(self, vm_id: str) -> list[PreviewInfo]:
        """See `Services`."""
        await self._manager.get(vm_id)
        return [_info(row) for row in await self._previews.of_vm(vm_id)]

    async def renew_preview(self, vm_id: str, preview_id: str, expires_in_seconds: object) -> PreviewInfo:
        """See `Services`."""
        seconds = await self._life(vm_id, expires_in_seconds)

        def renewed(grant: Grant) -> None:
            self._gateway.renew_grant(grant.id, grant.expires_at)

        row = await self._previews.renew(vm_id, preview_id, seconds, renewed)
        if row is None:
            raise preview_not_found()
        return _info(row)

    async def expire_preview(self, vm_id: str, token: str) -> bool:
        """See `Services`."""
        await self._manager.get(vm_id)
        grant = await self._previews.expire(vm_id, token)
        if grant is None:
            return False
        await self._gateway.close_grant(grant.id)
        return True

    async def expire_preview_by_id(self, vm_id: str, preview_id: str) -> None:
        """See `Services`."""
        await self._manager.get(vm_id)
        grant = await self._previews.expire_id(vm_id, preview_id)
        if grant is None:
            raise preview_not_found()
        await self._gateway.close_grant(grant.id)

    async def expire_previews(self, vm_id: str) -> int:
        """See `Services`."""
        await self._manager.get(vm_id)
        revoked = await self._previews.expire_all(vm_id)
        await self._gateway.close_grants(revoked)
        return len(revoked)

    async def _life(self, vm_id: str, expires_in_seconds: object) -> int:
        """The seconds that a preview of this VM is to live, within the limits of its kind."""
        vm = await self._manager.get(vm_id)
        return validate_expiry(expires_in_seconds, self._manager.machines.kind_of(vm.name).preview)


def _info(row: PreviewRow) -> PreviewInfo:
    grant = row.grant
    return PreviewInfo(
        id=row.id,
        port=grant.port,
        created_at=row.created_at,
        expires_at=grant.expires_at,
        forward_host=grant.forward_host,
        cors=grant.cors,
        label=row.label,
        wake=grant.wake,
    )
