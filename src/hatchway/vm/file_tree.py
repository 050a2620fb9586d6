"""What is where in the VM's view: asking about files, folders and links, making, moving and deleting them."""

from __future__ import annotations

import errno
import os
from typing import get_args

from hatchway.vm.guest_errors import file_error, move_error
from hatchway.vm.guest_stream import begin_work, wrong_answer
from hatchway.vm.records import FileInfo, FileKind
from hatchway.vm.sandbox.channel import Answer, Channel, GuestRefusal

_KINDS: dict[str, FileKind] = {kind: kind for kind in get_args(FileKind)}
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999: a guest's files may have any time, and what prints times knows no other."""


async def stat(channel: Channel, path: bytes, *, follow: bool = True) -> FileInfo:
    """What there is to say of a file, folder or link.

    Args:
        channel: to the VM.
        path: absolute, inside the VM.
        follow: whether a link means what it leads to.

    Raises:
        HatchwayError: `file_not_found` and others.
    """
    try:
        return await _stat(channel, path, follow)
    except GuestRefusal as refusal:
        raise file_error(refusal) from None


async def exists(channel: Channel, path: bytes) -> bool:
    """Whether the path leads to something, following symbolic links inside the VM."""
    try:
        await _stat(channel, path, follow=True)
    except GuestRefusal as refusal:
        if refusal.number in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return False
        raise file_error(refusal) from None
    return True


async def make_directory(channel: Channel, path: bytes, *, recursive: bool, mode: int | None) -> None:
    """Make a folder.

    Args:
        channel: to the VM.
        path: absolute, inside the VM.
        recursive: make those above it too, and be content with one that is there.
        mode: permission bits of the folder that is made; None: 0755.

    Raises:
        HatchwayError: `already_exists`, `file_not_found` and others.
    """
    try:
        await channel.ask("mkdir", path=os.fsdecode(path), recursive=recursive, mode=mode)
    except GuestRefusal as refusal:
        raise file_error(refusal) from None


async def move(channel: Channel, source: bytes, target: bytes) -> None:
    """Move a file, link or folder as rename(2) does: what a file replaces is a file, what a folder replaces is empty.

    From one file system to another it is copied, and then removed. A caller that is cancelled may find it at either
    place, but never half of it at the target.

    Raises:
        HatchwayError: `file_not_found`, `is_a_directory`, `not_a_directory`, `directory_not_empty` and others.
    """
    async with begin_work(
        channel, "move", error_of=move_error, source=os.fsdecode(source), target=os.fsdecode(target)
    ) as worker:
        if worker is not None:
            await worker.end()


async def delete(channel: Channel, path: bytes, *, recursive: bool = False) -> None:
    """Delete a file, a symbolic link itself, or a folder.

    Args:
        channel: to the VM.
        path: absolute, inside the VM.
        recursive: whether a folder may have something in it. Of one that cannot be deleted, part may be gone.

    Raises:
        HatchwayError: `file_not_found`, `directory_not_empty` and others.
    """
    async with begin_work(channel, "delete", path=os.fsdecode(path), recursive=recursive) as worker:
        if worker is not None:
            await worker.end()


async def _stat(channel: Channel, path: bytes, follow: bool) -> FileInfo:
    return _info(await channel.ask("stat", path=os.fsdecode(path), follow=follow))


def _info(answer: Answer) -> FileInfo:
    kind = _KINDS.get(answer.kind or "")
    if kind is None or answer.size < 0 or not 0 <= answer.mode <= 0o7777:
        raise wrong_answer()
    try:
        target = None if answer.target is None else answer.target.encode("latin-1")
    except UnicodeEncodeError:
        raise wrong_answer() from None
    return FileInfo(
        kind=kind,
        size=answer.size,
        mode=answer.mode,
        uid=answer.uid,
        gid=answer.gid,
        modified_at=min(max(answer.mtime_ns / 1e9, _FIRST_SECOND), _LAST_SECOND),
        target=target if kind == "symlink" else None,
    )
