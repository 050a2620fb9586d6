"""The bodies of answers about files.

Names are bytes in a VM. What is no UTF-8 is said twice: as text with U+FFFD in its place, and in base64.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from hatchway.api.schemas import Answer, timestamp
from hatchway.vm.records import FileEntry, FileInfo, FileKind, ListingEnd, Unpacked


class Written(Answer, frozen=True):
    """A file was written."""

    size: Annotated[int, Meta(description="Its size in bytes.")]


class Exists(Answer, frozen=True):
    """Whether there is anything at a path."""

    exists: bool


class FileStat(Answer, frozen=True):
    """What there is to say of a file, folder or link."""

    type: Annotated[FileKind, Meta(description="`other`: a device, socket or pipe.")]
    size: Annotated[int, Meta(description="Bytes.")]
    mode: Annotated[int, Meta(description="Permission bits, as a number.", ge=0, le=0o7777)]
    uid: int
    gid: int
    modified_at: datetime
    target: Annotated[str, Meta(description="What a symbolic link leads to.")] | UnsetType = UNSET
    target_base64: (
        Annotated[bytes, Meta(description="The same in base64, only where it is no UTF-8.")] | UnsetType
    ) = UNSET

    @classmethod
    def of(cls, info: FileInfo) -> FileStat:
        """The answer for a record."""
        stat = (info.kind, info.size, info.mode, info.uid, info.gid, timestamp(info.modified_at))
        return cls(*stat) if info.target is None else cls(*stat, *spelled(info.target))


class EntryLine(Answer, frozen=True):
    """Something in the folder."""

    path: Annotated[str, Meta(description="Relative to the folder that is listed.")]
    type: FileKind
    size: Annotated[int, Meta(description="Bytes, as lstat(2) says it.")]
    path_base64: (
        Annotated[bytes, Meta(description="The path in base64, only where it is no UTF-8.")] | UnsetType
    ) = UNSET

    @classmethod
    def of(cls, entry: FileEntry) -> EntryLine:
        """The line for a record."""
        text, base64 = spelled(entry.path)
        return cls(text, entry.kind, entry.size, base64)


class ListingEndLine(Answer, frozen=True):
    """The end of the list: the last line."""

    end: Literal[True]
    entries: Annotated[int, Meta(description="How many there were.")]
    unreadable: Annotated[int, Meta(description="How many folders could not be read.")]

    @classmethod
    def of(cls, end: ListingEnd) -> ListingEndLine:
        """The line for a record."""
        return cls(True, end.entries, end.unreadable)


class UnpackedArchive(Answer, frozen=True):
    """An archive was unpacked."""

    entries: Annotated[int, Meta(description="Files, folders and links.")]
    bytes: Annotated[int, Meta(description="Of content.")]
    skipped: Annotated[int, Meta(description="Devices and pipes, which were left out.")]

    @classmethod
    def of(cls, unpacked: Unpacked) -> UnpackedArchive:
        """The answer for a record."""
        return cls(unpacked.entries, unpacked.size, unpacked.skipped)


def spelled(name: bytes) -> tuple[str, bytes | UnsetType]:
    """A name as text, and as it is where that is not the same."""
    try:
        return name.decode(), UNSET
    except UnicodeDecodeError:
        return name.decode(errors="replace"), name
