"""A tree of files that shall be a layer: what every VM can read of it, and nothing that leads out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from hatchway.software.host_commands import BIN_FOLDERS

_FROM_USR = "/usr/"


class UnfitTreeError(Exception):
    """A tree that cannot be a layer; the text says why, with paths relative to the tree."""


def make_readable(tree: Path) -> int:
    """Give everything in `tree` the modes that things in /usr have, whatever the umask was; the bytes of its files.

    Raises:
        UnfitTreeError: it holds something that is neither file, folder nor link, or a link that leads out.
        OSError: a file cannot be changed.
    """
    size = 0
    tree.chmod(0o755)
    for entry, name in _entries(tree):
        mode = entry.stat(follow_symlinks=False).st_mode
        _check_kind(name, mode)
        if stat.S_ISLNK(mode):
            _check_link(tree, name)
        elif stat.S_ISDIR(mode):
            Path(entry.path).chmod(0o755)
        else:
            Path(entry.path).chmod(0o755 if mode & 0o111 else 0o644)
            size += entry.stat(follow_symlinks=False).st_size
    return size


def check(tree: Path) -> None:
    """Check that a VM can read all of `tree`, whatever its user id is.

    Raises:
        UnfitTreeError: it cannot; or as `make_readable`.
        OSError: it cannot be read by us either.
    """
    _check_mode(".", os.stat(tree).st_mode)
    for entry, name in _entries(tree):
        mode = entry.stat(follow_symlinks=False).st_mode
        _check_kind(name, mode)
        if stat.S_ISLNK(mode):
            _check_link(tree, name)
        else:
            _check_mode(name, mode)


def find_in(tree: Path, command: str) -> str | None:
    """Where `command` is in a layer, such as `local/bin/rg`; None if a VM would not find it there."""
    for folder in BIN_FOLDERS:
        name = f"{folder}/{command}"
        try:
            mode = os.stat(tree / name).st_mode
        except OSError:
            # A link into /usr is one into the VM's, which we do not see from here.
            if os.path.islink(tree / name):
                return name
            continue
        if stat.S_ISREG(mode) and mode & stat.S_IXOTH:
            return name
    return None


def _entries(tree: Path, below: str = "") -> Iterator[tuple[os.DirEntry[str], str]]:
    with os.scandir(tree / below) as listing:
        entries = list(listing)
    for entry in entries:
        name = f"{below}{entry.name}"
        yield entry, name
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(tree, f"{name}/")


def _check_kind(name: str, mode: int) -> None:
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
        raise UnfitTreeError(f"{name!r} is a device, socket or pipe")


def _check_mode(name: str, mode: int) -> None:
    needed = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
    if mode & needed != needed:
        raise UnfitTreeError(f"not everybody may read {name!r} (chmod o+rX)")


def _check_link(tree: Path, name: str) -> None:
    target = os.readlink(tree / name)
    if target.startswith(_FROM_USR):
        return
    led = os.path.normpath(os.path.join(os.path.dirname(name), target))
    if os.path.isabs(target) or led == ".." or led.startswith("../"):
        raise UnfitTreeError(f"the link {name!r} leads out of it")
