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


def make(folder: Path) -> Path:
    """A VM's folder as it is once its guest has started."""
    disk.prepare(folder, None)
    before = Path.cwd()
    os.chdir(folder)
    try:
        root_fs.make_folders()
    finally:
        os.chdir(before)
    return folder


def test_prepare_makes_it_private(vms: Path) -> None:
    disk.prepare(vms / "a", None)
    assert (vms / "a").stat().st_mode & 0o777 == 0o700
    disk.prepare(vms / "a", None)
    assert list((vms / "a").iterdir()) == []


def test_folders_are_made_once(vms: Path) -> None:
    folder = make(vms / "a")
    assert {path.name for path in folder.iterdir()} == {*root_fs.FOLDERS, root_fs.USR_UPPER}
    hidden = folder / root_fs.USR_UPPER / "local" / "etc"
    assert os.getxattr(hidden, "user.overlay.opaque") == b"y"
    hidden.rmdir()  # as its guest may
    make(folder)
    assert not hidden.exists()


def test_folders_half_made_are_finished(vms: Path) -> None:
    (vms / "a" / "usr-upper.new" / "local").mkdir(parents=True)
    assert (make(vms / "a") / "usr-upper" / "local" / "etc").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other ids")
def test_prepare_gives_it_to_the_guest(vms: Path) -> None:
    disk.prepare(vms / "a", 1_000_000)
    assert (vms / "a").stat().st_uid == 1_000_000
    disk.prepare(vms / "a", 2_000_000)
    assert (vms / "a").stat().st_uid == 2_000_000


def test_remove_takes_all_of_it_and_nothing_else(vms: Path) -> None:
    make(vms / "a")
    make(vms / "ab")
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
    make(vms / "a")
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
    make(vms / "a")
    inner = vms / "a" / "work" / "work" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").write_text("")
    inner.chmod(0o000)
    inner.parent.chmod(0o000)
    disk.remove(vms / "a")
    assert list(vms.iterdir()) == []


def test_remove_of_a_tree_deeper_than_any_path(vms: Path) -> None:
    make(vms / "a")
    here = os.open(vms / "a" / "upper", os.O_RDONLY)
    for _ in range(5000):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    disk.remove(vms / "a")
    assert list(vms.iterdir()) == []
