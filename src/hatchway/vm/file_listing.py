"""Listing folders of a VM: a worker in the VM tells of the entries, as fast as somebody reads them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from hatchway.vm.guest_stream import End, GuestStream, begin_work, worker_of, wrong_answer
from hatchway.vm.records import FileEntry, ListingEnd
from hatchway.vm.sandbox import frames
from hatchway.vm.sandbox.channel import Channel

Listing = AsyncIterator[list[FileEntry] | ListingEnd]
"""Entries as they are found, a folder before what is in it, then the end."""


@asynccontextmanager
async def list_folder(
    channel: Channel, path: bytes, max_depth: int | None, exclude: Sequence[bytes]
) -> AsyncIterator[Listing]:
    """List a folder and what is in it. Links are told of and not followed.

    Args:
        channel: to the VM.
        path: absolute, inside the VM; itself, it may be a link to a folder.
        max_depth: 1: the folder's own entries; None: all, down to the last.
        exclude: patterns (`sandbox.globs`) of what is left out, folders with all that is in them.

    Raises:
        HatchwayError: `file_not_found`, `not_a_directory`, `too_many_requests` and others.
    """
    patterns = [os.fsdecode(pattern) for pattern in exclude]
    async with begin_work(
        channel, "list", path=os.fsdecode(path), max_depth=max_depth, exclude=patterns
    ) as worker:
        yield _entries(worker_of(worker))


async def _entries(worker: GuestStream) -> Listing:
    told = 0
    while True:
        frame = await worker.frame(frames.ENTRIES)
        if isinstance(frame, End):
            if frame.entries != told or frame.unreadable < 0:
                raise wrong_answer()
            yield ListingEnd(told, frame.unreadable)
            return
        try:
            found = frames.decode_entries(frame)
        except ValueError:
            raise wrong_answer() from None
        told += len(found)
        yield [FileEntry(relative, kind, size) for kind, size, relative in found]
