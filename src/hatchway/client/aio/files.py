"""The files of one VM."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import overload

import httpx

from hatchway.client import listing_stream, wire
from hatchway.client.aio.callers_body import Body, content
from hatchway.client.aio.transport import check_ok, read_answer
from hatchway.client.aio.vm_calls import VmActions, vm_path
from hatchway.client.file_answers import DirEntry, FileRead, FileStat, FileWritten
from hatchway.client.parameters import flag_query, listing_query, mode_query, path_query
from hatchway.client.problems import unexpected_answer
from hatchway.errors import Conflict, ConnectionFailed, InvalidRequest, NotFound

_OF_ONE_FILE = (InvalidRequest, NotFound, Conflict)
"""What is wrong with one file of many; anything else is wrong with the way to all of them."""


class Files(VmActions):
    """What an agent does with files. Paths are absolute, or relative to /home/user.

    A path is text, or bytes where it is no UTF-8; those that are returned are text as `os.fsdecode` gives it, which can
    be passed back in.
    """

    async def write_file(
        self, path: str | bytes, data: Body, *, mode: int | None = None, parents: bool = False
    ) -> None:
        """Write a whole file, all or nothing.

        Args:
            path: absolute, or relative to /home/user.
            data: text (as UTF-8), bytes, or an asynchronous iterable of bytes, which is streamed.
            mode: permission bits, such as 0o755; None: those of the file that is there, or as for any new file.
            parents: make the folders above it that are not there.

        Raises:
            InvalidRequest: `invalid_path`.
            NotFound: `file_not_found`: its folder is not there.
        """
        query = path_query(path) + mode_query(mode) + flag_query("parents", flag=parents)
        data = content(data)
        headers = [("Content-Type", "application/octet-stream")]

        async def put(vm: str) -> None:
            async with self._vm.transport.send(
                "PUT", f"{vm}/files?{query}", headers=headers, content=data
            ) as answer:
                await read_answer(answer)

        await self._vm.on_vm(put, replayable=isinstance(data, bytes))

    @overload
    async def write_files(self, files: Mapping[str, Body]) -> list[FileWritten]: ...

    @overload
    async def write_files(self, files: Iterable[tuple[str | bytes, Body]]) -> list[FileWritten]: ...

    async def write_files(
        self, files: Mapping[str, Body] | Iterable[tuple[str | bytes, Body]]
    ) -> list[FileWritten]:
        """Write many files, with the folders above them.

        Args:
            files: contents by path, or pairs of a path and its content.

        Returns:
            One result for each, in their order. What is wrong with one file is in its result and keeps no other from
            being written; trouble with the VM or on the way to it is raised.
        """
        results = []
        pairs: Iterable[tuple[str | bytes, Body]] = files.items() if isinstance(files, Mapping) else files
        for path, data in pairs:
            try:
                await self.write_file(path, data, parents=True)
            except _OF_ONE_FILE as error:
                results.append(FileWritten(path, error))
            else:
                results.append(FileWritten(path))
        return results

    async def read_file(self, path: str | bytes) -> bytes:
        """The content of a file. For a large one, see `stream_file` and `download`.

        Args:
            path: absolute, or relative to /home/user.

        Raises:
            NotFound: `file_not_found`.
        """
        query = path_query(path)

        async def get(vm: str) -> bytes:
            async with self._vm.transport.send("GET", f"{vm}/files?{query}") as answer:
                return await read_answer(answer)

        return await self._vm.on_vm(get)

    async def read_files(self, paths: Iterable[str | bytes]) -> list[FileRead]:
        """The contents of many files.

        Returns:
            One result for each, in their order. What is wrong with one file is in its result; trouble with the VM or on
            the way to it is raised.
        """
        results = []
        for path in paths:
            try:
                results.append(FileRead(path, await self.read_file(path)))
            except _OF_ONE_FILE as error:
                results.append(FileRead(path, None, error))
        return results

    async def stream_file(self, path: str | bytes) -> AsyncGenerator[bytes, None]:
        """The content of a file in pieces as they come, in memory that does not grow with it.

        Args:
            path: absolute, or relative to /home/user.

        Raises:
            NotFound: `file_not_found`, when the first piece is asked for.
        """
        async with self._opened(f"/files?{path_query(path)}") as answer:
            async for piece in answer.aiter_raw():
                yield piece

    async def stat(self, path: str | bytes, *, follow: bool = True) -> FileStat:
        """What there is to say of a file, folder or link.

        Args:
            path: absolute, or relative to /home/user.
            follow: whether a symbolic link means what it leads to.

        Raises:
            NotFound: `file_not_found`.
        """
        query = path_query(path) + ("" if follow else "&follow=false")
        answer = await self._vm.call("GET", f"/files/stat?{query}", wire.FileStat)
        return answer.public()

    async def exists(self, path: str | bytes) -> bool:
        """Whether there is a file, folder or anything else at `path`."""
        query = path_query(path)
        answer = await self._vm.call("GET", f"/files/exists?{query}", wire.Exists)
        return answer.exists

    async def mkdir(self, path: str | bytes, *, recursive: bool = False, mode: int | None = None) -> None:
        """Make a folder.

        Args:
            path: absolute, or relative to /home/user.
            recursive: make those above it too, and be content with one that is there.
            mode: permission bits; None: 0o755.

        Raises:
            Conflict: `already_exists`.
            NotFound: `file_not_found`: the folder above it is not there.
        """
        query = path_query(path) + mode_query(mode) + flag_query("recursive", flag=recursive)
        await self._vm.do("POST", f"/files/mkdir?{query}")

    async def readdir(self, path: str | bytes) -> list[str]:
        """The names in a folder, in the order of their bytes.

        Raises:
            NotFound: `file_not_found`.
            Conflict: `not_a_directory`.
        """
        entries = await self.readdir_recursive(path, max_depth=1)
        return sorted((entry.path for entry in entries), key=os.fsencode)

    async def readdir_recursive(
        self,
        path: str | bytes,
        *,
        max_depth: int | None = None,
        exclude: str | bytes | Iterable[str | bytes] = (),
    ) -> list[DirEntry]:
        """What is in a folder and in those below it, a folder before what is in it. Links are not followed.

        Args:
            path: absolute, or relative to /home/user.
            max_depth: how deep to go: 1 for the folder's own entries; None: all the way down.
            exclude: patterns of names to leave out, such as `"node_modules"` or `"*.pyc"`, or of relative paths if they
                hold a `/`. A folder that is left out is not entered.

        Raises:
            NotFound: `file_not_found`.
            Conflict: `not_a_directory`.
        """
        parser = listing_stream.EventParser()
        entries: list[DirEntry] = []
        query = path_query(path) + listing_query(max_depth, exclude)
        async with self._opened(f"/files/list?{query}") as answer:
            async for piece in answer.aiter_raw():
                for event in parser.feed(piece):
                    if isinstance(event, listing_stream.Failure):
                        raise event.error.error()
                    if isinstance(event, listing_stream.End):
                        if event.entries != len(entries):
                            raise unexpected_answer(answer.status_code)
                        return entries
                    entries.append(event)
        raise ConnectionFailed(
            "connection_lost", "the connection broke off before the end of the list", "list it again"
        )

    async def move(self, source: str | bytes, target: str | bytes) -> None:
        """Move a file, folder or link: as rename(2) does, also to another file system of the VM.

        From one file system to another it is copied, which takes as long as it takes.

        Args:
            source: what is moved.
            target: what it is to be called; a file that is there is replaced.

        Raises:
            NotFound: `file_not_found`.
            Conflict: `is_a_directory`, `not_a_directory`, `directory_not_empty`.
        """
        query = f"{path_query(source, 'from')}&{path_query(target, 'to')}"
        await self._vm.do("POST", f"/files/move?{query}", patient=True)

    async def delete_file(self, path: str | bytes, *, recursive: bool = False) -> None:
        """Delete a file, a symbolic link itself, or an empty folder.

        Args:
            path: absolute, or relative to /home/user.
            recursive: a folder with all that is in it, which takes as long as it takes. If this fails, or is given up,
                part of it may be gone.

        Raises:
            NotFound: `file_not_found`.
            Conflict: `directory_not_empty`; with `recursive`: others kept putting something into it.
        """
        query = path_query(path) + flag_query("recursive", flag=recursive)
        await self._vm.do("DELETE", f"/files?{query}", patient=recursive)

    @asynccontextmanager
    async def _opened(self, path: str) -> AsyncIterator[httpx.Response]:
        """An answer that is read piece by piece; with a new VM's if the VM is gone."""
        begun = False
        for attempt in (1, 2):
            vm = await self._vm.id.get()
            try:
                async with self._vm.transport.send("GET", vm_path(vm) + path) as answer:
                    await check_ok(answer)
                    begun = True
                    yield answer
                    return
            except NotFound as error:
                if error.code != "vm_not_found" or attempt == 2 or begun:
                    raise
                self._vm.id.forget(vm)
