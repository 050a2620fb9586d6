"""Files and folders copied into a VM and out of it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from hatchway.client.aio.concurrency import finished_in_thread
from hatchway.client.aio.files import Files
from hatchway.client.aio.transport import check_ok, read_answer
from hatchway.client.file_answers import Transferred
from hatchway.client.local_files import (
    NewFile,
    PackedFolder,
    Source,
    UnpackedFolder,
    look_at,
    read_pieces,
)
from hatchway.client.parameters import path_query

Progress = Callable[[int, int | None], object]
"""Called with the bytes so far and, where it is known, how many there will be."""


class Transfer(Files):
    """What an agent does with files of the machine that it runs on."""

    async def upload(
        self, local: str | os.PathLike[str], path: str | bytes, *, progress: Progress | None = None
    ) -> Transferred:
        """Copy a file or folder into the VM, in memory that does not grow with it.

        A file is written all or nothing, with the folders above it. What is in a folder is put into `path`, which is
        made if it is not there: files that are there already are replaced one by one, others stay. Permission bits,
        times and symbolic links are kept; devices, sockets and pipes are left out and counted.

        Args:
            local: the file or folder on this machine.
            path: what it is to be in the VM.
            progress: called with the bytes of content so far, and how many there are.

        Raises:
            HatchwayError: `local_file_not_found`, `local_file_not_permitted` and others, before anything is sent where
                that can be known; what the VM refuses.
        """
        source = Path(local)
        found = await finished_in_thread(look_at, source)
        if found.is_folder:
            return await self._upload_folder(source, found, path, progress)

        async def pieces() -> AsyncIterator[bytes]:
            sent = 0
            async for piece in _in_thread(read_pieces(source)):
                sent += len(piece)
                yield piece
                _tell(progress, sent, max(sent, found.size))

        await self.write_file(path, pieces(), mode=found.mode, parents=True)
        return Transferred(1, found.size)

    async def download(
        self, path: str | bytes, local: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Transferred:
        """Copy a file or folder out of the VM, in memory that does not grow with it.

        A file takes its name when it is there as a whole, and so does a folder that is new. Into a folder that is there
        already, what is in the VM's is put: files that are there are replaced one by one, others stay. Whatever the VM
        sends, nothing is written outside of `local`, no link is followed, and links that lead out of the folder,
        devices, sockets and pipes are left out and counted.

        Args:
            path: the file or folder in the VM.
            local: what it is to be on this machine; the folder above it must be there.
            progress: called with the bytes so far, and how many there are: None for a folder.

        Raises:
            NotFound: `file_not_found`.
            HatchwayError: `local_file_not_permitted`, `local_disk_full` and others; `not_a_regular_file`.
        """
        target = Path(local)
        found = await self.stat(path)
        if found.type == "directory":
            return await self._download_folder(path, target, progress)
        # Made here and not in a thread: were this cancelled meanwhile, nobody would have it to close.
        new = NewFile(target, found.mode)
        received = 0
        try:
            async for piece in self.stream_file(path):
                await finished_in_thread(new.write, piece)
                received += len(piece)
                _tell(progress, received, max(received, found.size))
            await finished_in_thread(new.finish)
        finally:
            await finished_in_thread(new.close)
        return Transferred(1, received)

    async def _upload_folder(
        self, source: Path, found: Source, path: str | bytes, progress: Progress | None
    ) -> Transferred:
        query = path_query(path)
        folder = PackedFolder(source)  # not in a thread: see `download`

        async def pieces() -> AsyncIterator[bytes]:
            async for piece in _in_thread(folder.pieces()):
                yield piece
                sent = folder.so_far.bytes
                _tell(progress, sent, max(sent, found.size))

        async def put(vm: str) -> None:
            headers = [("Content-Type", "application/x-tar")]
            async with self._vm.transport.send(
                "PUT", f"{vm}/files/archive?{query}", headers=headers, content=pieces()
            ) as answer:
                await read_answer(answer)

        try:
            await self._vm.on_vm(put, replayable=False)
            return folder.so_far
        finally:
            await finished_in_thread(folder.close)

    async def _download_folder(
        self, path: str | bytes, target: Path, progress: Progress | None
    ) -> Transferred:
        query = path_query(path)
        folder = UnpackedFolder(target)  # not in a thread: see `download`

        async def get(vm: str) -> None:
            async with self._vm.transport.send("GET", f"{vm}/files/archive?{query}") as answer:
                await check_ok(answer)
                async for piece in answer.aiter_raw():
                    await finished_in_thread(folder.feed, piece)
                    _tell(progress, folder.so_far.bytes, None)

        try:
            await self._vm.on_vm(get, replayable=False)
            await finished_in_thread(folder.finish)
            return folder.so_far
        finally:
            await finished_in_thread(folder.close)


async def _in_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """What an iterator that reads from a disk gives."""
    while (piece := await finished_in_thread(next, pieces, None)) is not None:
        yield piece


def _tell(progress: Progress | None, done: int, total: int | None) -> None:
    if progress is not None:
        progress(done, total)
