"""Removing and copying whole folders, while somebody changes them."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.trees import fd_count, look, make_tree, opened
from hatchway.vm.sandbox import guest_trees


def nothing() -> None:
    """What a step waits for: nothing."""


@pytest.fixture(autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    before = fd_count()
    yield
    assert fd_count() == before


def test_a_tree_is_removed(tmp_path: Path) -> None:
    make_tree(tmp_path / "t")
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    (tmp_path / "t/deep/out").symlink_to(outside)
    os.mkfifo(tmp_path / "t/deep/fifo")
    with opened(tmp_path) as root:
        guest_trees.remove(root, "t", nothing)
    assert sorted(os.listdir(tmp_path)) == ["outside"]
    assert (outside / "kept").is_dir()


def test_a_file_or_link_is_removed_itself(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("d")
    with opened(tmp_path) as root:
        guest_trees.remove(root, b"link", nothing)
        assert os.listdir(tmp_path) == ["d"]
        with pytest.raises(FileNotFoundError):
            guest_trees.remove(root, "none", nothing)


def test_a_very_deep_tree_is_removed(tmp_path: Path) -> None:
    depth = max(3000, 2 * sys.getrecursionlimit())
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    with opened(tmp_path) as root:
        guest_trees.remove(root, "d", nothing)
    assert os.listdir(tmp_path) == []


def test_what_is_put_into_it_meanwhile_is_removed_too(tmp_path: Path) -> None:
    (tmp_path / "t/a/b").mkdir(parents=True)
    left = 50

    def fill() -> None:
        nonlocal left
        if left and (tmp_path / "t/a").is_dir():
            left -= 1
            (tmp_path / "t/a" / str(left)).write_bytes(b"x")

    with opened(tmp_path) as root:
        guest_trees.remove(root, "t", fill)
    assert os.listdir(tmp_path) == []


def test_it_does_not_go_on_for_ever(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    number = 0

    def fill() -> None:
        nonlocal number
        number += 1
        (tmp_path / "t" / str(number)).write_bytes(b"x")

    real = os.rmdir

    def filled_first(path: str, *, dir_fd: int) -> None:
        fill()
        real(path, dir_fd=dir_fd)

    with opened(tmp_path) as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rmdir", filled_first)
        with pytest.raises(OSError) as caught:
            guest_trees.remove(root, "t", nothing)
    assert caught.value.errno == errno.ENOTEMPTY
    assert number < 200


def test_a_folder_that_becomes_a_link_is_not_entered(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    (tmp_path / "t/a/b").mkdir(parents=True)
    done = False

    def swap() -> None:
        nonlocal done
        if not done and (tmp_path / "t/a/b").is_dir():
            done = True
            shutil.rmtree(tmp_path / "t/a/b")
            (tmp_path / "t/a/b").symlink_to(outside)

    real = os.open

    def swapped_first(path: str, flags: int, *rest: int, **others: int) -> int:
        if path == "b":
            swap()
        return real(path, flags, *rest, **others)

    with opened(tmp_path) as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", swapped_first)
        guest_trees.remove(root, "t", nothing)
    assert done
    assert sorted(os.listdir(tmp_path)) == ["outside"]
    assert os.listdir(outside) == ["kept"]


def test_a_folder_that_is_moved_away_meanwhile_ends_it(tmp_path: Path) -> None:
    (tmp_path / "t/a/b").mkdir(parents=True)
    (tmp_path / "elsewhere/kept").mkdir(parents=True)
    real = os.open

    def moved_first(path: str, flags: int, *rest: int, **others: int) -> int:
        if path == ".." and (tmp_path / "t/a").exists():
            os.rename(tmp_path / "t/a", tmp_path / "elsewhere/a")
        return real(path, flags, *rest, **others)

    with opened(tmp_path) as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", moved_first)
        with pytest.raises(OSError):
            guest_trees.remove(root, "t", nothing)
    assert (tmp_path / "elsewhere/kept").is_dir()


def test_what_nobody_waits_for_stops(tmp_path: Path) -> None:
    make_tree(tmp_path / "t")

    def gone() -> None:
        raise BrokenPipeError

    with opened(tmp_path) as root:
        with pytest.raises(BrokenPipeError):
            guest_trees.remove(root, "t", gone)
        with pytest.raises(BrokenPipeError):
            guest_trees.copy(root, "t", root, "copy", gone)


def test_a_copy_is_the_same(tmp_path: Path) -> None:
    make_tree(tmp_path / "t")
    (tmp_path / "t/empty").chmod(0o1770)
    os.mkfifo(tmp_path / "t/deep/fifo")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "t/socket"))
    with opened(tmp_path) as root:
        guest_trees.copy(root, "t", root, "copy", nothing)
    assert look(tmp_path / "copy") == look(tmp_path / "t")
    for path in look(tmp_path / "t"):
        before = os.lstat(os.path.join(os.fsencode(tmp_path / "t"), path))
        after = os.lstat(os.path.join(os.fsencode(tmp_path / "copy"), path))
        assert (before.st_mode, before.st_mtime_ns, before.st_uid) == (
            after.st_mode,
            after.st_mtime_ns,
            after.st_uid,
        )


def test_holes_stay_holes(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 36)
        file.seek(1 << 20)
        file.write(b"here")
        file.seek(1 << 33)
        file.write(b"and here")
    with opened(tmp_path) as root:
        guest_trees.copy(root, "sparse", root, "copy", nothing)
    status = (tmp_path / "copy").stat()
    assert status.st_size == 1 << 36
    assert status.st_blocks * 512 < 1 << 20
    with open(tmp_path / "copy", "rb") as file:
        file.seek(1 << 20)
        assert file.read(5) == b"here\0"
        file.seek(1 << 33)
        assert file.read(9) == b"and here\0"


def test_an_empty_file_and_one_that_ends_in_a_hole(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with open(tmp_path / "hole", "wb") as file:
        file.write(b"x")
        file.truncate(1_000_000)
    with opened(tmp_path) as root:
        for name in ("empty", "hole"):
            guest_trees.copy(root, name, root, f"{name}2", nothing)
            assert (tmp_path / f"{name}2").read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owners_and_their_bits_are_kept(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(b"x")
    os.chown(tmp_path / "tool", 1234, 5678)
    (tmp_path / "tool").chmod(0o6755)
    with opened(tmp_path) as root:
        guest_trees.copy(root, "tool", root, "copy", nothing)
    status = (tmp_path / "copy").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1234, 5678, 0o6755)


def test_kernel_files_are_not_copied(tmp_path: Path) -> None:
    with opened(Path("/proc/self")) as proc, opened(tmp_path) as root, pytest.raises(PermissionError):
        guest_trees.copy(proc, "task", root, "copy", nothing)
