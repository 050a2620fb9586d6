"""What of disk images a host holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from hatchway.vm.sandbox import disk_image

needs_images = pytest.mark.skipif(
    not disk_image.can_be_made(), reason="disk images need root, loop devices and mkfs.ext4"
)


def attached(folder: Path) -> list[str]:
    """The files under `folder` that loop devices of this machine hold (sysfs; a deleted one has a note behind it)."""
    found = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            name = backing.read_text().strip()
        except OSError:
            continue  # it has gone meanwhile
        if name.startswith(f"{folder}/"):
            found.append(name)
    return found


def is_on_the_host(folder: Path) -> bool:
    """Whether anything under `folder` is mounted in this process's own tree, or any loop device holds a file of it."""
    return f"{folder}/" in Path("/proc/self/mountinfo").read_text() or bool(attached(folder))
