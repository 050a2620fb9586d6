"""Folders of a VM as tar archives, both ways: made and unpacked by a worker in the VM, passed on as they come."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hatchway.vm.guest_errors import unpack_error
from hatchway.vm.guest_stream import End, GuestStream, begin_work, worker_of, wrong_answer
from hatchway.vm.records import Unpacked
from hatchway.vm.sandbox import frames
from hatchway.vm.sandbox.channel import Channel


@asynccontextmanager
async def archive(channel: Channel, path: bytes) -> AsyncIterator[AsyncIterator[bytes]]:
    """A folder, or one file, as an uncompressed pax archive.

    Its bytes are the guest's: whoever unpacks them must not trust them (`archive.unpack.OF_STRANGER`). What cannot be
    read is left out, as are devices, sockets and pipes; the last entry of a folder's archive says how many.

    Args:
        channel: to the VM.
        path: absolute, inside the VM.

    Raises:
        HatchwayError: `file_not_found`, `not_a_regular_file`, `too_many_requests` and others; while it is iterated over
            `file_changed`, `vm_failed`, `vm_stopped`, and then the archive has no end.
    """
    async with begin_work(channel, "archive", path=os.fsdecode(path)) as worker:
        yield _pieces(worker_of(worker))


async def unpack(channel: Channel, path: bytes, chunks: AsyncIterator[bytes]) -> Unpacked:
    """Unpack an archive into a folder, which is made if it is not there, with those above it.

    Args:
        channel: to the VM.
        path: absolute, inside the VM.
        chunks: the archive. If this raises, what has come whole until then is unpacked.

    Raises:
        HatchwayError: `invalid_archive`, `archive_cut_short`, `storage_full`, `not_a_directory`, `is_a_directory` and
            others. The details say how many `entries` and `bytes` were unpacked before.
    """
    async with begin_work(
        channel, "unpack", takes_input=True, error_of=unpack_error, path=os.fsdecode(path)
    ) as begun:
        worker = worker_of(begun)
        await worker.send(chunks)
        end = await worker.end()
    if min(end.entries, end.bytes, end.skipped) < 0:
        raise wrong_answer()
    return Unpacked(end.entries, end.bytes, end.skipped)


async def _pieces(worker: GuestStream) -> AsyncIterator[bytes]:
    while not isinstance(frame := await worker.frame(frames.DATA), End):
        yield frame
