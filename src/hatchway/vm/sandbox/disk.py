"""A VM's own folder on the host's disk: the upper layers of its overlays, and the mount points beside them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hatchway.vm.sandbox import root_fs

_OPAQUE = "user.overlay.opaque"


def prepare(folder: Path, first_uid: int | None) -> None:
    """Make the folder of a VM if it is not there.

    Args:
        folder: where; its parent exists.
        first_uid: the host id that guest root has under a root server, which will own the folder; None: this user's.
    """
    if folder.is_dir():
        return
    # Made under another name first: what is there under its own name is whole.
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    made = [new]
    for name in (
        root_fs.UPPER,
        root_fs.WORK,
        root_fs.USR_UPPER,
        root_fs.USR_WORK,
        root_fs.LOWER,
        root_fs.ROOT,
    ):
        made.append(new / name)
    # The host's /usr/local/etc is configuration, which may hold secrets: an opaque folder in the upper layer hides it.
    hidden = new / root_fs.USR_UPPER / "local" / "etc"
    made += [hidden.parent, hidden]
    for path in made[1:]:
        path.mkdir()
        path.chmod(0o755)
    os.setxattr(hidden, _OPAQUE, b"y")
    if first_uid is not None:
        for path in made:
            os.chown(path, first_uid, first_uid)
    new.rename(folder)


def remove(folder: Path) -> None:
    """Remove a VM's folder. Overlayfs leaves folders without any permission in its work folder."""

    def allow_and_retry(function: object, path: str, _error: object) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        os.chmod(path, 0o700, follow_symlinks=True)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=allow_and_retry)
