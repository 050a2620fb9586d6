"""What a folder takes, measured in a tree that means no good."""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path

import pytest

from hatchway.vm.sandbox import disk
from hatchway.vm.sandbox.disk_usage import measure

pytestmark = pytest.mark.sandbox  # run as an ordinary user too, whom modes keep out

MIB = 1024 * 1024


def _fill(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "vm"
    folder.mkdir()
    return folder


def _grows(tree: Path, before: int) -> int:
    """By how many MiB it has grown."""
    return round((measure(tree) - before) / MIB)


def test_files_and_folders_count_what_is_allocated(tree: Path) -> None:
    empty = measure(tree)
    assert empty < MIB
    _fill(tree / "a", 3 * MIB)
    (tree / "folder" / "deeper").mkdir(parents=True)
    _fill(tree / "folder" / "deeper" / "b", 2 * MIB)
    assert _grows(tree, empty) == 5
    os.truncate(tree / "a", 1 << 40)  # a hole
    assert _grows(tree, empty) == 5


def test_a_file_of_many_names_counts_once(tree: Path) -> None:
    empty = measure(tree)
    _fill(tree / "a", 4 * MIB)
    for number in range(7):
        os.link(tree / "a", tree / f"link{number}")
    assert _grows(tree, empty) == 4


def test_no_link_is_followed(tree: Path, tmp_path: Path) -> None:
    _fill(tmp_path / "outside", 8 * MIB)
    empty = measure(tree)
    (tree / "file").symlink_to(tmp_path / "outside")
    (tree / "folder").symlink_to(tmp_path)
    (tree / "circle").symlink_to(tree)
    assert _grows(tree, empty) == 0
    (tmp_path / "link").symlink_to(tree)
    assert measure(tmp_path / "link") == 0


def test_a_folder_closed_to_its_owner_is_seen_and_left_as_it_was(tree: Path) -> None:
    empty = measure(tree)
    (tree / "closed" / "too").mkdir(parents=True)
    _fill(tree / "closed" / "too" / "a", 3 * MIB)
    (tree / "closed" / "too").chmod(0o000)
    (tree / "closed").chmod(0o000)
    assert _grows(tree, empty) == 3
    assert (tree / "closed").stat().st_mode & 0o777 == 0
    (tree / "closed").chmod(0o700)
    assert (tree / "closed" / "too").stat().st_mode & 0o777 == 0
    (tree / "closed" / "too").chmod(0o700)


def test_a_tree_deeper_than_any_path(tree: Path) -> None:
    empty = measure(tree)
    here = os.open(tree, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d" * 20, dir_fd=here)
        below = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    file = os.open("a", os.O_CREAT | os.O_WRONLY, dir_fd=here)
    os.posix_fallocate(file, 0, 20 * MIB)
    os.close(file)
    os.close(here)
    before = len(os.listdir("/proc/self/fd"))
    assert _grows(tree, empty) >= 20
    assert len(os.listdir("/proc/self/fd")) == before
    disk.remove(tree)


def test_a_tree_that_is_moved_about_meanwhile_stays_inside(tree: Path, tmp_path: Path) -> None:
    _fill(tmp_path / "outside", 64 * MIB)
    for number in range(30):
        (tree / "a" / f"b{number}" / "c").mkdir(parents=True)
    stop = threading.Event()

    def move() -> None:
        while not stop.is_set():
            for number in range(30):
                os.rename(tree / "a" / f"b{number}", tree / "moved")
                os.rename(tree / "moved", tree / "a" / f"b{number}")

    mover = threading.Thread(target=move)
    mover.start()
    try:
        assert all(measure(tree) < 8 * MIB for _ in range(300))
    finally:
        stop.set()
        mover.join()


def test_it_can_be_stopped(tree: Path) -> None:
    for number in range(5):
        (tree / str(number)).mkdir()
        _fill(tree / str(number) / "a", MIB)
    (tree / "0").chmod(0)
    asked = itertools.chain([False, False], itertools.repeat(True))
    assert 0 < measure(tree, lambda: next(asked)) < 3 * MIB
    assert (tree / "0").stat().st_mode & 0o777 == 0
    (tree / "0").chmod(0o700)


def test_what_is_not_there_takes_nothing(tree: Path) -> None:
    assert measure(tree / "none") == 0
    _fill(tree / "file", MIB)
    assert measure(tree / "file") == 0
