"""Folders for tests: what is in them, and made-up ones."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TIME = 1_600_000_000

Found = tuple[str, int, object]
"""What something is, its mode, and the content of a file or target of a link."""


def look(root: Path) -> dict[bytes, Found]:
    """Everything in a folder by its relative path."""
    found: dict[bytes, Found] = {}
    for folder, folders, files in os.walk(os.fsencode(root)):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            relative = os.path.relpath(path, os.fsencode(root))
            if stat.S_ISLNK(status.st_mode):
                found[relative] = ("symlink", 0, os.readlink(path))
            elif stat.S_ISDIR(status.st_mode):
                found[relative] = ("directory", stat.S_IMODE(status.st_mode), None)
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    found[relative] = ("file", stat.S_IMODE(status.st_mode), file.read())
            else:
                found[relative] = ("other", 0, None)
    return found


def make_tree(root: Path) -> None:
    """A folder with something of every kind in it."""
    (root / "empty").mkdir(parents=True)
    (root / "deep/er/still").mkdir(parents=True)
    (root / "deep/er/still/file").write_bytes(b"deep")
    (root / "script.sh").write_bytes(b"#!/bin/sh\n")
    (root / "script.sh").chmod(0o755)
    (root / "private").write_bytes(b"secret")
    (root / "private").chmod(0o600)
    (root / "nothing").write_bytes(b"")
    (root / "binary").write_bytes(bytes(range(256)) * 4000)
    (root / "link").symlink_to("deep/er")
    (root / "deep/up").symlink_to("../script.sh")
    (root / "dangling").symlink_to("nowhere")
    for name in (b"\xff\xfe bytes", "ünï\ncode".encode(), b"n" * 255, b" ", b"-rf", b"back\\slash", b"*"):
        with open(os.path.join(os.fsencode(root), name), "wb") as file:
            file.write(name)
    long = root / "/".join(["l" * 200] * 5)
    long.mkdir(parents=True)
    (long / "file").write_bytes(b"far down")
    os.link(root / "private", root / "second name")
    with open(root / "sparse", "wb") as file:
        file.truncate(3_000_000)
    for path in look(root):
        os.utime(os.path.join(os.fsencode(root), path), (TIME, TIME), follow_symlinks=False)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A folder, open."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def fd_count() -> int:
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))
