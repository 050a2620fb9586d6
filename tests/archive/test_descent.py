"""Folders' entries, found without following a link, while somebody changes the folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from archive.trees import fd_count, look, make_tree, opened
from hatchway.archive.descent import Descent, open_folder


def test_everything_is_found_once_and_folders_first(tmp_path: Path) -> None:
    make_tree(tmp_path)
    os.mkfifo(tmp_path / "deep/fifo")
    with opened(tmp_path) as root:
        descent = Descent(root)
        found = [(entry.path, entry.kind, entry.status.st_size) for entry in descent]
    expected = {path: kind for path, (kind, _, _) in look(tmp_path).items()}
    assert {path: kind for path, kind, _ in found} == expected
    assert len(found) == len(expected)
    assert {path: size for path, _, size in found}[b"binary"] == 256 * 4000
    seen = {b""}
    for path, _, _ in found:
        assert os.path.dirname(path) in seen
        seen.add(path)
    assert descent.unreadable == 0


@pytest.mark.parametrize(("depth", "expected"), [(1, {b"a", b"link"}), (2, {b"a", b"link", b"a/b"})])
def test_depth(tmp_path: Path, depth: int, expected: set[bytes]) -> None:
    (tmp_path / "a/b/c/d").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    with opened(tmp_path) as root:
        assert {entry.path for entry in Descent(root, max_depth=depth)} == expected


def test_what_is_excluded_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "a/skip/c").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    asked: list[tuple[bytes, bool]] = []

    def excludes(path: bytes, is_folder: bool) -> bool:
        asked.append((path, is_folder))
        return path.endswith(b"skip")

    with opened(tmp_path) as root:
        assert {entry.path for entry in Descent(root, excludes=excludes)} == {b"a", b"b"}
    assert set(asked) == {(b"a", True), (b"b", True), (b"a/skip", True)}


def test_what_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    inode = (tmp_path / "a").stat().st_ino
    with opened(tmp_path) as root:
        descent = Descent(root, enters=lambda fd: os.fstat(fd).st_ino != inode)
        assert [entry.path for entry in descent] == [b"a"]


def test_folders_that_become_links_or_go_away_meanwhile(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "secret").mkdir(parents=True)
    folder = tmp_path / "folder"
    (folder / "a/inner").mkdir(parents=True)
    (folder / "b/inner").mkdir(parents=True)
    found = []
    with opened(folder) as root:
        before = fd_count()
        descent = Descent(root)
        for entry in descent:
            found.append(entry.path)
            if len(found) == 2:  # both folders are known, and neither is entered yet
                shutil.rmtree(folder / "a")
                (folder / "a").symlink_to(outside)
                shutil.rmtree(folder / "b")
        assert fd_count() == before
    assert sorted(found) == [b"a", b"b"]
    assert descent.unreadable == 0


def test_a_descent_that_is_left_lets_go(tmp_path: Path) -> None:
    make_tree(tmp_path)
    with opened(tmp_path) as root:
        before = fd_count()
        iterator = iter(Descent(root))
        next(iterator)
        assert fd_count() > before
        del iterator
        assert fd_count() == before


def test_what_no_path_can_name_is_counted(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=folder)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    told = []
    with opened(tmp_path) as root:
        descent = Descent(root, on_unreadable=lambda path, error: told.append((path, error.errno)))
        found = [entry.path for entry in descent]
    assert len(found) == 21
    assert descent.unreadable == len(told) == 1
    shutil.rmtree(tmp_path / ("d" * 200))


def test_no_link_is_followed_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    with opened(tmp_path) as root:
        os.close(open_folder(root, b"real/inner"))
        for path in (b"link", b"link/inner", b"real/none"):
            with pytest.raises(OSError):
                open_folder(root, path)
