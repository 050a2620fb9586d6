"""What can be asked of a running VM about its files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

from hatchway.vm import file_archive, file_listing, file_tree, files
from hatchway.vm.records import FileInfo, Unpacked
from hatchway.vm.sandbox.channel import Channel


class MachineFiles:
    """The files of one VM.

    Args:
        channel: to its guest init.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def write_file(
        self, path: bytes, chunks: AsyncIterator[bytes], mode: int | None, *, parents: bool = False
    ) -> int:
        """See `files.write_file`."""
        return await files.write_file(self._channel, path, chunks, mode, parents=parents)

    def read_file(self, path: bytes) -> AbstractAsyncContextManager[files.OpenFile]:
        """See `files.open_file`."""
        return files.open_file(self._channel, path)

    async def stat(self, path: bytes, *, follow: bool = True) -> FileInfo:
        """See `file_tree.stat`."""
        return await file_tree.stat(self._channel, path, follow=follow)

    async def exists(self, path: bytes) -> bool:
        """See `file_tree.exists`."""
        return await file_tree.exists(self._channel, path)

    async def make_directory(self, path: bytes, *, recursive: bool = False, mode: int | None = None) -> None:
        """See `file_tree.make_directory`."""
        await file_tree.make_directory(self._channel, path, recursive=recursive, mode=mode)

    async def move_file(self, source: bytes, target: bytes) -> None:
        """See `file_tree.move`."""
        await file_tree.move(self._channel, source, target)

    async def delete_file(self, path: bytes, *, recursive: bool = False) -> None:
        """See `file_tree.delete`."""
        await file_tree.delete(self._channel, path, recursive=recursive)

    def list_folder(
        self, path: bytes, max_depth: int | None = None, exclude: Sequence[bytes] = ()
    ) -> AbstractAsyncContextManager[file_listing.Listing]:
        """See `file_listing.list_folder`."""
        return file_listing.list_folder(self._channel, path, max_depth, exclude)

    def archive(self, path: bytes) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """See `file_archive.archive`."""
        return file_archive.archive(self._channel, path)

    async def unpack(self, path: bytes, chunks: AsyncIterator[bytes]) -> Unpacked:
        """See `file_archive.unpack`."""
        return await file_archive.unpack(self._channel, path, chunks)
