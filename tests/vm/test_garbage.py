"""What nobody owns: found by its name, removed whatever it holds."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hatchway.vm.garbage import Garbage, collect_folders, collect_layers, collect_logs, measure_vm, vm_ids

A, B = "a" * 20, "b" * 20
BLOCK = 4096


def _folder(path: Path, size: int = BLOCK) -> None:
    path.mkdir()
    with open(path / "file", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def test_only_what_has_a_vms_name_is_looked_at(tmp_path: Path) -> None:
    for name in (
        A,
        f"{A}.1f",
        f"{A}.1f.2e",
        f"{B}.0",
        "probe",
        "probe.image-x",
        "A" * 20,
        "a" * 21,
        f"{A}.x",
        ".x",
    ):
        (tmp_path / name).mkdir()
    assert vm_ids(tmp_path) == {A, B}
    assert vm_ids(tmp_path / "none") == set()


def test_collecting(tmp_path: Path) -> None:
    for name in (A, f"{A}.1f", B, "other"):
        _folder(tmp_path / name, 256 * BLOCK)
    size = measure_vm(tmp_path, A)
    assert 512 * BLOCK <= size < 520 * BLOCK
    expected = [Garbage("vm_folder", A, size)]
    assert collect_folders(tmp_path, {A, "c" * 20}, dry_run=True) == expected
    assert len(os.listdir(tmp_path)) == 4
    assert collect_folders(tmp_path, {A, "c" * 20}, dry_run=False) == expected
    assert sorted(os.listdir(tmp_path)) == [B, "other"]
    assert collect_folders(tmp_path, {A}, dry_run=False) == []


def test_logs(tmp_path: Path) -> None:
    for name in (A, B, "other"):
        _folder(tmp_path / name)
    for dry_run in (True, False):
        found = collect_logs(tmp_path, {A}, dry_run=dry_run)
        assert [(each.kind, each.name) for each in found] == [("service_logs", A)]
    assert sorted(os.listdir(tmp_path)) == [B, "other"]
    assert collect_logs(tmp_path, {A}, dry_run=False) == []


def test_unfinished_layers(tmp_path: Path) -> None:
    software = tmp_path / "layers" / "tool"
    software.mkdir(parents=True)
    assert collect_layers(tmp_path, dry_run=False) == []
    (software / "lock").touch()
    _folder(software / "1.0-x86_64")
    _folder(software / ".new-a")
    _folder(software / ".new-b")
    (software / ".new-link").symlink_to(software / "1.0-x86_64")
    expected = [Garbage("unfinished_layer", "tool", 2 * BLOCK)]
    with open(software / "lock", "rb") as maker:
        fcntl.flock(maker, fcntl.LOCK_EX)
        assert collect_layers(tmp_path, dry_run=False) == [], "somebody is making one"
    assert collect_layers(tmp_path, dry_run=True) == expected
    assert collect_layers(tmp_path, dry_run=False) == expected
    assert (software / "1.0-x86_64" / "file").exists()
    assert not (software / ".new-a").exists()
    assert collect_layers(tmp_path, dry_run=False) == []
    assert collect_layers(tmp_path / "none", dry_run=False) == []


def test_layers_that_others_can_write_are_left(tmp_path: Path) -> None:
    software = tmp_path / "layers" / "tool"
    software.mkdir(parents=True)
    (software / "lock").touch()
    _folder(software / ".new-a")
    software.chmod(0o777)
    assert collect_layers(tmp_path, dry_run=False) == []
