"""What calls about files return: plain frozen values. Paths are as they were given, or as `os.fsdecode` gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from hatchway.errors import HatchwayError

FileType = Literal["file", "directory", "symlink", "other"]
"""`other`: a device, socket or pipe."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """What there is to say of a file, folder or link (stat(2))."""

    type: FileType
    size: int
    """Bytes."""
    mode: int
    """Permission bits."""
    uid: int
    gid: int
    modified_at: datetime
    """Aware, in UTC."""
    target: str | None = None
    """What a symbolic link leads to."""


@dataclass(frozen=True, slots=True)
class DirEntry:
    """Something in a folder."""

    path: str
    """Relative to the folder that was listed."""
    type: FileType
    size: int
    """Bytes, of a link those of its target's name."""


@dataclass(frozen=True, slots=True)
class FileRead:
    """One of many files that were to be read."""

    path: str | bytes
    content: bytes | None = field(repr=False)
    """None where it could not be read."""
    error: HatchwayError | None = None
    """Why it could not be read."""


@dataclass(frozen=True, slots=True)
class FileWritten:
    """One of many files that were to be written."""

    path: str | bytes
    error: HatchwayError | None = None
    """Why it could not be written."""

    @property
    def success(self) -> bool:
        """Whether it was written."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class Transferred:
    """What was copied into a VM or out of it."""

    files: int
    bytes: int
    """Of content."""
    skipped: int = 0
    """What was left out: devices, sockets and pipes; on the way out also links that lead out of the folder."""
