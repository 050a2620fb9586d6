"""Mounts a VM's disk image, in the launcher; see `disk_image`.

The mount is never in the host's tree: it is made detached and handed to guest init, as the lower layers are, and ends
with the guest's mount namespace. The loop device ends with the mount (LO_FLAGS_AUTOCLEAR, loop(4)). So a kill -9 leaves
nothing, and there is nothing to clean.

No image is mounted twice at once, which would destroy it: a loop device keeps the open file that it was given, and so
the flock(2) taken on that, until the kernel has written all of the mount before.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time

from hatchway.vm.sandbox import syscalls
from hatchway.vm.sandbox.syscalls import MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID

LOCK_SECONDS = 8.0
"""How long the guest before may take to write what it left in memory."""

_LOCK_POLL_SECONDS = 0.002
_DEVICE_ATTEMPTS = 64
_BLOCK_BYTES = 4096

# include/uapi/linux/loop.h
_LOOP_CTL_GET_FREE, _LOOP_CONFIGURE = 0x4C82, 0x4C0A
_AUTOCLEAR, _DIRECT_IO = 4, 16
_CONFIG = struct.Struct("II 52x I 172x 64x")
"""struct loop_config: fd, block size, and of its struct loop_info64 the flags alone."""

_STRINGS = {"errors": "remount-ro"}
_FLAGS = ("discard", "noinit_itable")
"""What is deleted inside is given back to the host, and its inode tables are not written before they are used."""


def mount_image(path: str) -> int:
    """A detached mount of an image; its fd. To be called by a process of the host's root.

    Raises:
        OSError: what the kernel refused; EBUSY: it is still mounted for another guest.
    """
    image = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _lock(image)
        name, device = _attach(image)
    finally:
        os.close(image)  # the loop device has it, and with it the lock
    try:
        return syscalls.mount_detached(
            "ext4", {"source": name, **_STRINGS}, _FLAGS, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID
        )
    finally:
        os.close(device)


def _lock(image: int) -> None:
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(image, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise OSError(errno.EBUSY, "the disk is still in use") from None
        time.sleep(_LOCK_POLL_SECONDS)


def _attach(image: int) -> tuple[str, int]:
    """A free loop device for an image: its path, and an fd that keeps it until it is mounted."""
    config = _CONFIG.pack(image, _BLOCK_BYTES, _AUTOCLEAR | _DIRECT_IO)
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_DEVICE_ATTEMPTS):
            name = f"/dev/loop{fcntl.ioctl(control, _LOOP_CTL_GET_FREE)}"
            device = os.open(name, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(device, _LOOP_CONFIGURE, config)
                return name, device
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:  # EBUSY: another has taken it meanwhile
                    raise
    finally:
        os.close(control)
    raise OSError(errno.EBUSY, "no loop device is free")
