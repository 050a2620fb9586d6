"""A VM's own folder on the host's disk."""

from __future__ import annotations

import itertools
import os
import secrets
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from hatchway.vm.sandbox.disk_image import IMAGE
from hatchway.vm.sandbox.root_fs import UPPER


def prepare(folder: Path, first_uid: int | None) -> None:
    """Make the folder of a VM if it is not there. What is in it guest init makes, by `root_fs.make_folders`.

    Args:
        folder: where; its parent exists.
        first_uid: the host id that guest root has under a root server, which will own the folder; None: this user's.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    if first_uid is not None and folder.stat().st_uid != first_uid:
        os.chown(folder, first_uid, first_uid)


def image_of(folder: Path) -> Path | None:
    """The image that holds the disk of a VM, if it has one."""
    image = folder / IMAGE
    return image if image.exists() else None


def is_used(folder: Path) -> bool:
    """Whether a VM has started in this folder: what its disk is has been decided."""
    return (folder / UPPER).exists() or (folder / IMAGE).exists()


def remove(folder: Path) -> None:
    """Remove a VM's folder, and what an interrupted removal has left of it.

    The tree is the guest's work. Every step goes through a descriptor and follows no link, and each folder found is
    first moved up beside the VM's own: however deep the tree, two descriptors and no recursion are enough.
    """
    parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        unique = (f"{folder.name}.{number:x}" for number in itertools.count(secrets.randbits(64)))
        waiting = deque(
            name for name in os.listdir(parent) if name == folder.name or name.startswith(f"{folder.name}.")
        )
        while waiting:
            name = waiting.popleft()
            waiting.extend(_empty(parent, name, unique))
            os.rmdir(name, dir_fd=parent)
    finally:
        os.close(parent)


def _empty(parent: int, name: str, unique: Iterator[str]) -> list[str]:
    """Remove the files in folder `name` and move its folders up to `parent`; the moved folders' new names."""
    moved = []
    folder = _open_folder(parent, name)
    try:
        with os.scandir(folder) as scan:
            entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan]
        for entry_name, is_folder in entries:
            if is_folder:
                # Moving a folder writes its "..", so it must be writable, and overlayfs leaves one of mode 000.
                os.close(_open_folder(folder, entry_name))
                new_name = next(unique)
                os.rename(entry_name, new_name, src_dir_fd=folder, dst_dir_fd=parent)
                moved.append(new_name)
            else:
                os.unlink(entry_name, dir_fd=folder)
    finally:
        os.close(folder)
    return moved


def _open_folder(parent: int, name: str) -> int:
    """Open a folder after giving its owner every permission on it."""
    path_fd = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        itself = f"/proc/self/fd/{path_fd}"
        os.chmod(itself, 0o700)
        return os.open(itself, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(path_fd)
