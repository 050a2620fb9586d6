"""A VM's folder is the guest's work: removing it must not reach outside, whatever it holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hatchway.vm.sandbox import disk, root_fs


@pytest.fixture
def vms(tmp_path: Path) -> Path:
    path = tmp_path / "vms"
    path.mkdir()
    return path


def test_prepare_makes_all_folders_once(vms: Path) -> None:
    disk.prepare(vms / "a", None)
    assert {path.name for path in (vms / "a").iterdir()} == set(root_fs.FOLDERS)
    assert (vms / "a").stat().st_mode & 0o777 == 0o700
    (vms / "a" / "upper" / "file").write_text("kept")
    disk.prepare(vms / "a", None)
    assert (vms / "a" / "upper" / "file").read_text() == "kept"
    assert [path.name for path in vms.iterdir()] == ["a"]


def test_prepare_starts_again_after_an_interruption(vms: Path) -> None:
    (vms / "a.new" / "upper").mkdir(parents=True)
    disk.prepare(vms / "a", None)
    assert [path.name for path in vms.iterdir()] == ["a"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other ids")
def test_prepare_gives_it_to_the_guest(vms: Path) -> None:
    disk.prepare(vms / "a", 1_000_000)
    owners = {path.stat().st_uid for path in [vms / "a", *(vms / "a").iterdir()]}
    assert owners == {1_000_000}


def test_remove_takes_all_of_it_and_nothing_else(vms: Path) -> None:
    disk.prepare(vms / "a", None)
    disk.prepare(vms / "ab", None)
    (vms / "a" / "upper" / "x" / "y").mkdir(parents=True)
    (vms / "a" / "upper" / "x" / "y" / "z").write_text("")
    (vms / "a.123").mkdir()  # what an interrupted removal had moved up
    disk.remove(vms / "a")
    assert [path.name for path in vms.iterdir()] == ["ab"]
    disk.remove(vms / "a")


def test_remove_follows_no_link(vms: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o750)
    (outside / "file").write_text("host")
    (outside / "file").chmod(0o640)
    disk.prepare(vms / "a", None)
    locked = vms / "a" / "upper" / "locked"
    locked.mkdir()
    (locked / "to-folder").symlink_to(outside)
    (locked / "to-file").symlink_to(outside / "file")
    locked.chmod(0o000)
    disk.remove(vms / "a")
    assert not (vms / "a").exists()
    assert (outside / "file").read_text() == "host"
    assert outside.stat().st_mode & 0o777 == 0o750
    assert (outside / "file").stat().st_mode & 0o777 == 0o640


def test_remove_of_folders_without_permissions(vms: Path) -> None:
    disk.prepare(vms / "a", None)
    inner = vms / "a" / "work" / "work" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").write_text("")
    inner.chmod(0o000)
    inner.parent.chmod(0o000)
    disk.remove(vms / "a")
    assert list(vms.iterdir()) == []


def test_remove_of_a_tree_deeper_than_any_path(vms: Path) -> None:
    disk.prepare(vms / "a", None)
    here = os.open(vms / "a" / "upper", os.O_RDONLY)
    for _ in range(5000):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    disk.remove(vms / "a")
    assert list(vms.iterdir()) == []
