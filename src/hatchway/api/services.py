"""What the control API needs of the system behind it: one Protocol, implemented by the server with real VMs.

Some of its parts have modules of their own.

Every method raises `HatchwayError`s only; their `status` decides the status of the HTTP answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from hatchway.api.cron_actions import CronActions
from hatchway.api.disk_actions import DiskActions
from hatchway.api.life_actions import LifeActions
from hatchway.api.port_actions import PortActions
from hatchway.api.service_actions import ServiceActions
from hatchway.api.shell_actions import ShellActions
from hatchway.preview.grant import CorsMode
from hatchway.vm.key import Key
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


class OpenFile(Protocol):
    """A file inside a VM, open for reading."""

    @property
    def size(self) -> int:
        """Bytes; exactly what the iteration yields in sum."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The content in chunks, from the start. Iterated at most once."""
        ...


class Services(LifeActions, PortActions, ServiceActions, CronActions, DiskActions, ShellActions, Protocol):
    """The operations of the control API, already validated in form.

    A `vm_id` that does not exist is `NotFound` `vm_not_found` in each of them. Paths are bytes as the VM's
    kernel takes them: absolute, without NUL or `..`.
    """

    @property
    def version(self) -> str:
        """The server's version, for `/api/health` and the OpenAPI document."""
        ...

    async def get_or_create_vm(self, name: str, key: Key) -> tuple[VmInfo, bool]:
        """The VM of this kind and key, and whether this call made it.

        Raises:
            NotFound: `unknown_vm_kind`.
        """
        ...

    async def list_vms(self, name: str | None = None, key: Key | None = None) -> list[VmInfo]:
        """VMs, oldest first: all, or those of a kind or key. None is made, whatever is asked for."""
        ...

    async def get_vm(self, vm_id: str) -> VmInfo:
        """One VM."""
        ...

    async def destroy_vm(self, vm_id: str) -> None:
        """End a VM, its files and its previews. Its key is free once this returns."""
        ...

    async def write_file(
        self,
        vm_id: str,
        path: bytes,
        chunks: AsyncIterator[bytes],
        mode: int | None,
        *,
        parents: bool = False,
    ) -> int:
        """Write a whole file, all or nothing: an error raised by `chunks` leaves what was there before.

        Args:
            vm_id: the VM.
            path: where to.
            chunks: the content.
            mode: permission bits; None: as for any new file.
            parents: make the folders above it that are not there.

        Returns:
            The bytes written.
        """
        ...

    def read_file(self, vm_id: str, path: bytes) -> AbstractAsyncContextManager[OpenFile]:
        """Open a file for reading; entering raises what stands in the way."""
        ...

    async def file_exists(self, vm_id: str, path: bytes) -> bool:
        """Whether there is anything at `path`."""
        ...

    async def file_info(self, vm_id: str, path: bytes, *, follow: bool) -> FileInfo:
        """What there is to say of what is at `path`.

        Args:
            vm_id: the VM.
            path: of a file, folder or link.
            follow: whether a link means what it leads to.

        Raises:
            NotFound: `file_not_found`, here and wherever something must be there.
        """
        ...

    async def make_directory(self, vm_id: str, path: bytes, *, recursive: bool, mode: int | None) -> None:
        """Make a folder; with `recursive` those above it too, and one that is there is no error.

        Raises:
            Conflict: `already_exists`.
        """
        ...

    async def move_file(self, vm_id: str, source: bytes, target: bytes) -> None:
        """Move a file, folder or link as rename(2) does, also to another file system."""
        ...

    async def delete_file(self, vm_id: str, path: bytes, *, recursive: bool = False) -> None:
        """Delete a file, a link itself or an empty folder; with `recursive` a folder with all that is in it.

        Raises:
            Conflict: `directory_not_empty`.
        """
        ...

    def list_folder(
        self, vm_id: str, path: bytes, max_depth: int | None, exclude: Sequence[bytes]
    ) -> AbstractAsyncContextManager[AsyncIterator[list[FileEntry] | ListingEnd]]:
        """What is in a folder, then one `ListingEnd`; entering raises what stands in the way.

        Args:
            vm_id: the VM.
            path: of the folder.
            max_depth: 1: its own entries; None: all the way down.
            exclude: patterns of what is left out.
        """
        ...

    def archive(self, vm_id: str, path: bytes) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A folder or file as a tar archive; entering raises what stands in the way."""
        ...

    async def unpack(self, vm_id: str, path: bytes, chunks: AsyncIterator[bytes]) -> Unpacked:
        """Unpack a tar archive into a folder, which is made if it is not there.

        Raises:
            InvalidRequest: `invalid_archive`, `archive_cut_short`; what came before is unpacked.
        """
        ...

    def exec(
        self, vm_id: str, request: ExecRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[ProcessEvent]]:
        """Run a command: with `stdin_open` one `Started`; outputs as they happen; then one `Exit`.

        Leaving the context kills what still runs.
        """
        ...

    async def spawn(self, vm_id: str, request: SpawnRequest) -> int:
        """Start a program and leave it running. Returns its pid."""
        ...

    async def list_processes(self, vm_id: str) -> list[ProcessInfo]:
        """The spawned processes of a VM, those that exited included."""
        ...

    async def all_processes(self, vm_id: str) -> list[SystemProcess]:
        """Every process of a VM, whoever started it, in the order of their pids."""
        ...

    async def get_process(self, vm_id: str, pid: int) -> ProcessInfo:
        """A spawned process.

        Raises:
            NotFound: `process_not_found`, here and wherever a spawned process is named.
        """
        ...

    async def wait_process(self, vm_id: str, pid: int) -> ProcessInfo:
        """Wait until a spawned process has exited."""
        ...

    async def write_process_stdin(self, vm_id: str, pid: int, chunks: AsyncIterator[bytes]) -> int:
        """Write to the standard input of a spawned process, behind those who came before.

        Returns:
            The bytes written: all of them. A write that is cancelled stops where it is.

        Raises:
            Conflict: `stdin_closed`, `process_ended`.
        """
        ...

    async def close_process_stdin(self, vm_id: str, pid: int) -> None:
        """Close the standard input of a spawned process, behind what is being written. Closed already is no error."""
        ...

    def process_output(
        self, vm_id: str, pid: int, offset: int, *, follow: bool
    ) -> AbstractAsyncContextManager[AsyncIterator[OutputEvent]]:
        """What a spawned process has written, then one `OutputEnd`; entering raises what stands in the way.

        Args:
            vm_id: the VM.
            pid: the process.
            offset: where to begin, in bytes of stdout and stderr together.
            follow: go on until the process has ended; else stop at what is there.

        Raises:
            InvalidRequest: `invalid_offset`, for one beyond the end.
        """
        ...

    async def signal_spawned(self, vm_id: str, pid: int, signal: int) -> None:
        """Send a signal to the process group of a spawned process. One that has exited is none of it."""
        ...

    async def signal_process(self, vm_id: str, pid: int, signal: int) -> None:
        """Send a signal to the process group of a spawned process, or to any other process of the VM alone.

        Raises:
            Conflict: `not_permitted`, for PID 1.
        """
        ...

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
        """Mint a preview of one port.

        Args:
            vm_id: the VM.
            port: 1 to 65535.
            expires_in_seconds: its life as the client gave it, whatever that is; None: as configured.
            forward_host: the service is told its public host, which in host mode holds the token.
            cors: who answers for CORS, the gateway or the service.
            label: what to know it again by.
            wake: whether visitors wake the VM if it is paused or asleep.

        Raises:
            InvalidRequest: `invalid_port`, `invalid_expiry`.
        """
        ...

    async def list_previews(self, vm_id: str) -> list[PreviewInfo]:
        """The live previews of this VM, oldest first."""
        ...

    async def renew_preview(self, vm_id: str, preview_id: str, expires_in_seconds: object) -> PreviewInfo:
        """Let a live preview of this VM end at another time, counted from now.

        Args:
            vm_id: the VM.
            preview_id: the preview.
            expires_in_seconds: its life from now on, as for `create_preview`.

        Returns:
            The preview with its new end, which holds at once for everything.

        Raises:
            InvalidRequest: `invalid_expiry`.
            NotFound: `preview_not_found`, also if it is another VM's or has ended.
        """
        ...

    async def expire_preview(self, vm_id: str, token: str) -> bool:
        """Revoke a preview of this VM by its token. False if there was none (any more)."""
        ...

    async def expire_preview_by_id(self, vm_id: str, preview_id: str) -> None:
        """Revoke a live preview of this VM by its id.

        Raises:
            NotFound: `preview_not_found`, also if it is another VM's or has ended.
        """
        ...

    async def expire_previews(self, vm_id: str) -> int:
        """Revoke all previews of this VM. Returns how many were live."""
        ...
