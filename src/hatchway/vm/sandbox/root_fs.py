"""The mounts of a guest, in order: built by guest init inside its own mount namespace, from the VM's folder.

The guest's root is an overlay of the made-up skeleton under the VM's own upper layer; its `/usr` is a second
overlay of the host's `/usr` (and the layers of provided software) under a second upper layer, because an
overlay does not show the mounts beneath its lower layer. All overlay options are relative paths:
/proc/self/mountinfo shows them to the guest, and a host path would tell it where it lives.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from hatchway.vm.sandbox import syscalls
from hatchway.vm.sandbox.syscalls import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_REC

UPPER, WORK, USR_UPPER, USR_WORK, ROOT = "upper", "work", "usr-upper", "usr-work", "root"
FOLDERS = (UPPER, WORK, USR_WORK, ROOT)
"""The folders of a VM's disk beside `usr-upper`, relative to it. `root` is a mount point, as are `lower-0` and on."""

DISK = "disk"
"""Where the disk of a VM that has an image is mounted in its folder; the folders above are then in it."""

_OPAQUE = "user.overlay.opaque"

TERMINALS = 256
"""How many pseudo-terminals a VM can have."""

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def make_folders() -> None:
    """Make what is not there yet of the VM's folder, the current directory. Run as guest root, so that it owns them."""
    for name in FOLDERS:
        _make_folder(name)
    if not os.path.exists(USR_UPPER):
        # The host's /usr/local/etc is configuration and may hold secrets: an opaque folder above it hides it.
        # Renamed into place as a whole: afterwards it is the guest's, who may delete or change it.
        new = f"{USR_UPPER}.new"
        hidden = f"{new}/local/etc"
        os.makedirs(hidden, mode=0o755, exist_ok=True)
        os.setxattr(hidden, _OPAQUE, b"y")
        os.rename(new, USR_UPPER)


def _make_folder(path: str) -> None:
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        pass


def keep_mounts_private() -> None:
    """Let nothing that is mounted here, in a mount namespace just made, reach the host's."""
    syscalls.mount("none", "/", None, MS_REC | MS_PRIVATE)


def enter_disk(tree: int) -> None:
    """Attach the detached mount of a VM's disk in its folder, the current directory, and make it that."""
    _make_folder(DISK)
    syscalls.move_mount(tree, DISK)
    os.close(tree)
    os.chdir(DISK)


def attach_lower_layers(trees: Sequence[int]) -> list[str]:
    """Attach detached mounts in the VM's folder (the current directory); their paths, relative to it."""
    paths = []
    for index, tree in enumerate(trees):
        path = f"lower-{index}"
        _make_folder(path)
        syscalls.move_mount(tree, path)
        os.close(tree)
        paths.append(path)
    return paths


def mount_root(skeleton: str, usr_layers: Sequence[str]) -> None:
    """Mount the two overlays on `root`. Paths are relative to the VM's folder, the current directory."""
    _mount_overlay(ROOT, [skeleton], UPPER, WORK)
    _mount_overlay(f"{ROOT}/usr", usr_layers, USR_UPPER, USR_WORK)


def _mount_overlay(target: str, lower: Sequence[str], upper: str, work: str) -> None:
    # userxattr: in a user namespace overlayfs may not write trusted.* attributes.
    options = f"lowerdir={':'.join(lower)},upperdir={upper},workdir={work},userxattr"
    syscalls.mount("overlay", target, "overlay", MS_NOSUID | MS_NODEV, options)


def mount_kernel_file_systems(tmp_bytes: int) -> None:
    """Mount /proc, /dev, /tmp and /run. The current directory is the guest's root, the host's root is still `/`."""
    syscalls.mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    syscalls.mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=64k,nr_inodes=256")
    for name in DEVICES:
        os.close(os.open(f"dev/{name}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC))
        syscalls.mount(f"/dev/{name}", f"dev/{name}", None, MS_BIND)
    os.mkdir("dev/pts")
    os.mkdir("dev/shm")
    # All instances share one number of terminals (/proc/sys/kernel/pty/max): `max` leaves some for the other VMs.
    options = f"newinstance,ptmxmode=0666,mode=620,max={TERMINALS}"
    syscalls.mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, options)
    for link, target in (
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ):
        os.symlink(target, f"dev/{link}")
    size = f"size={tmp_bytes}"
    syscalls.mount("tmpfs", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=1777,{size}")
    syscalls.mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=1777,{size}")
    syscalls.mount("tmpfs", "run", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=755,{size}")
