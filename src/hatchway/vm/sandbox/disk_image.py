"""A VM's disk as a file system of its own, in a sparse file: its size is exact. Under root alone.

`image_mount` mounts it, and says why nothing of that is left behind. Only the kernel ever writes to an image that is
made: a guest has files in it, and cannot reach the image.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from hatchway.options import SMALLEST_DISK
from hatchway.vm.sandbox.image_mount import mount_image

IMAGE = "disk.img"
"""The image's name in a VM's folder."""
PROBE = "probe.image-"
"""What the name of a trial begins with: as of the other trial of a server's start, which removes what was left."""

_MAKER = "mkfs.ext4"
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_BLOCK_BYTES = 4096

# A journal: the disks of a machine that stops at any time can be mounted again. Everything lazy: the file stays sparse,
# and making it takes milliseconds whatever its size. More inodes than by default: dependencies are many small files.
_OPTIONS = ("-q", "-F", "-b", str(_BLOCK_BYTES), "-m", "0", "-i", "8192", "-J", "size=4")
_LAZY = "lazy_itable_init=1,lazy_journal_init=1,nodiscard"


def can_be_made() -> bool:
    """Whether this machine has what images need: root, loop devices and mke2fs(8). Whether they work, a mount tells."""
    return os.geteuid() == 0 and os.path.exists("/dev/loop-control") and _maker() is not None


def make(path: Path, size: int, first_uid: int) -> None:
    """Make an image: beside `path` and renamed, so that one half made is never used. Blocks for some milliseconds.

    Args:
        path: where.
        size: of the file system with its own records, in bytes; at least `hatchway.options.SMALLEST_DISK`.
        first_uid: the host id of guest root, which will own the root of the file system.

    Raises:
        OSError: it could not be made.
    """
    program = _maker()
    if program is None:
        raise OSError(errno.ENOENT, f"no {_MAKER}")
    new = path.with_name(f"{path.name}.new")
    blocks = size // _BLOCK_BYTES
    new.unlink(missing_ok=True)
    try:
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        os.truncate(new, blocks * _BLOCK_BYTES)
        made = subprocess.run(
            [program, *_OPTIONS, "-E", f"{_LAZY},root_owner={first_uid}:{first_uid}", str(new), str(blocks)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": _PATH, "LANG": "C"},
            check=False,
        )
        if made.returncode != 0:
            raise OSError(errno.EIO, f"{_MAKER} failed")
        os.rename(new, path)
    finally:
        new.unlink(missing_ok=True)


def work_in(parent: Path) -> bool:
    """Whether images can be made and mounted in this folder: tried, with one that is gone afterwards. Blocks."""
    if not can_be_made():
        return False
    with tempfile.TemporaryDirectory(prefix=PROBE, dir=parent, ignore_cleanup_errors=True) as folder:
        image = Path(folder, IMAGE)
        try:
            make(image, SMALLEST_DISK, 0)
            os.close(mount_image(str(image)))
        except OSError:
            return False
    return True


def _maker() -> str | None:
    return shutil.which(_MAKER, path=_PATH)
