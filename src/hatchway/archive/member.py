"""One entry of an archive, and what is wrong with a bad one. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from hatchway.errors import InvalidRequest

MemberKind = Literal["file", "directory", "symlink", "hardlink", "other"]
Fault = Literal["cut", "header", "limit", "name", "kind"]


class Member(NamedTuple):
    """One entry: what its header says."""

    name: bytes
    """Relative to the folder, its parts joined by `/`. As the archive has it until `names.parts` has looked at it."""
    kind: MemberKind
    """`other`: a device, pipe or whatever else; the rest of an archive can be read without knowing it."""
    size: int = 0
    """Bytes of content that follow."""
    mode: int = 0o644
    """Permission bits."""
    mtime: int = 0
    """Seconds since the epoch."""
    target: bytes = b""
    """What a link leads to."""


class ArchiveError(InvalidRequest):
    """An archive that cannot be unpacked.

    Args:
        fault: what is wrong with it, as one word.
        entries: how many of its entries were unpacked before; None: not known.
        size: how many bytes of content that was.
    """

    def __init__(self, fault: Fault, entries: int | None = None, size: int = 0) -> None:
        code, message, hint = _FAULTS[fault]
        details = None if entries is None else {"entries": entries, "bytes": size}
        super().__init__(code, message, hint, details=details)
        self.fault = fault


_FAULTS: dict[Fault, tuple[str, str, str]] = {
    "cut": (
        "archive_cut_short",
        "the archive ended before its end; what came before is unpacked",
        "send it again: what is there already is replaced",
    ),
    "header": (
        "invalid_archive",
        "this is no tar archive, or it is damaged",
        "send an uncompressed one, such as `tar -cf - .` writes",
    ),
    "limit": ("invalid_archive", "the archive has a name or header that is too long", ""),
    "name": (
        "invalid_archive",
        "the archive has a name or link that leads out of its folder",
        "pack the folder from inside: tar -C FOLDER -cf - .",
    ),
    "kind": (
        "invalid_archive",
        "the archive has an entry of a kind that cannot be unpacked, such as a sparse file",
        "pack it without --sparse and --incremental",
    ),
}
FAULTS = frozenset(_FAULTS)
