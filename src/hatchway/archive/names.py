"""The names in archives, and where links may lead. Pure."""

from __future__ import annotations

from hatchway.archive.member import ArchiveError

MAX_PATH_BYTES = 4095
"""Linux's PATH_MAX less its NUL (limits.h(0p))."""


def parts(name: bytes, *, absolute: bool) -> list[bytes]:
    """The names of an entry's folders and its own; empty for the folder itself that is packed.

    Args:
        name: as the archive has it.
        absolute: whether a leading `/` is dropped, as tar does, instead of refused.

    Raises:
        ArchiveError: for a name that leads out of the folder, or is none.
    """
    if len(name) > MAX_PATH_BYTES:
        raise ArchiveError("limit")
    if not name or b"\0" in name or (name.startswith(b"/") and not absolute):
        raise ArchiveError("name")
    found = [part for part in name.split(b"/") if part not in {b"", b"."}]
    if b".." in found:
        raise ArchiveError("name")
    return found


def stays_inside(target: bytes, depth: int) -> bool:
    """Whether a link leads to something within the folder that is unpacked, whatever other links there are.

    Steps up count only before any step down: behind a name that is a link itself, `..` is the folder that holds what it
    leads to, which text does not tell.

    Args:
        target: what the link leads to.
        depth: how many folders the link is below the one that is unpacked.
    """
    if not target or target.startswith(b"/"):
        return False
    found = [part for part in target.split(b"/") if part not in {b"", b"."}]
    up = 0
    while up < len(found) and found[up] == b"..":
        up += 1
    return up <= depth and b".." not in found[up:]
