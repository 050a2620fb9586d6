"""Control groups on made-up trees of all layouts; the real one of this machine is in security/test_limits.py."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hatchway.options import MIB, Limits
from hatchway.vm.sandbox import cgroups as cgroups_module
from hatchway.vm.sandbox.cgroups import Cgroups


class Tree:
    """A made-up /proc/self and /sys/fs/cgroup."""

    def __init__(self, path: Path) -> None:
        self.proc = path / "proc self"  # a blank, as mountinfo escapes it
        self.proc.mkdir()
        self._mounts: list[str] = []
        self._own: list[str] = []
        self._path = path

    def add_v1(self, controllers: str, own: str = "/") -> Path:
        base = self._path / f"cg {controllers}"
        self._add(base, "cgroup", controllers, own)
        self._own.append(f"{len(self._own) + 1}:{controllers}:{own}")
        return base / own.strip("/")

    def add_v2(self, available: str, enabled: str = "", own: str = "/") -> Path:
        base = self._path / "unified"
        self._add(base, "cgroup2", "nsdelegate", own)
        self._own.append(f"0::{own}")
        group = base / own.strip("/")
        (group / "cgroup.controllers").write_text(available)
        (group / "cgroup.subtree_control").write_text(enabled)
        return group

    def detect(self) -> Cgroups:
        (self.proc / "mountinfo").write_text("".join(self._mounts))
        (self.proc / "cgroup").write_text("".join(f"{line}\n" for line in self._own))
        return Cgroups.detect(self.proc)

    def _add(self, base: Path, kind: str, options: str, own: str) -> None:
        group = base / own.strip("/")
        group.mkdir(parents=True)
        (group / "cgroup.procs").write_text("")
        escaped = str(base).replace(" ", "\\040")
        self._mounts.append(f"30 20 0:1 / {escaped} rw,relatime - {kind} cgroup rw,{options}\n")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


LIMITS = Limits(memory_bytes=64 * MIB, processes=10, cpu_weight=200)


def test_a_host_without_any(tree: Tree) -> None:
    cgroups = tree.detect()
    assert cgroups.controllers == frozenset()
    assert cgroups.create("vm", LIMITS).procs_files == []


def test_v1_one_group_per_controller_below_our_own(tree: Tree) -> None:
    memory = tree.add_v1("memory", own="/box")
    pids, cpu, other = tree.add_v1("pids"), tree.add_v1("cpu,cpuacct"), tree.add_v1("freezer")
    cgroups = tree.detect()
    assert cgroups.controllers == {"memory", "pids", "cpu"}
    group = cgroups.create("vm", LIMITS)
    folders = {folder.parent.parent: folder for folder in group.folders}
    assert set(folders) == {memory, pids, cpu}
    assert (folders[memory] / "memory.limit_in_bytes").read_text() == str(64 * MIB)
    assert (folders[pids] / "pids.max").read_text() == "10"
    assert (folders[cpu] / "cpu.shares").read_text() == "2048"
    assert sorted(path.name for path in other.iterdir()) == ["cgroup.procs"]


def test_v2_enables_what_is_available(tree: Tree) -> None:
    base = tree.add_v2("cpuset cpu io memory pids", own="/user.slice")
    cgroups = tree.detect()
    assert cgroups.controllers == {"memory", "pids", "cpu"}
    (group,) = cgroups.create("vm", LIMITS).folders
    assert group.parent.parent == base
    assert (group / "memory.max").read_text() == str(64 * MIB)
    assert (group / "pids.max").read_text() == "10"
    assert (group / "cpu.weight").read_text() == "200"


def test_v2_beside_our_own_group_when_that_has_processes(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tree.add_v2("memory pids", own="/user.slice/session.scope")
    (own.parent / "cgroup.procs").write_text("")
    (own.parent / "cgroup.controllers").write_text("cpu memory pids")
    (own.parent / "cgroup.subtree_control").write_text("memory pids")
    write = cgroups_module._write

    def busy(path: Path, text: str) -> None:
        if path == own / "cgroup.subtree_control":
            raise OSError(errno.EBUSY, "there are processes in it")
        write(path, text)

    monkeypatch.setattr(cgroups_module, "_write", busy)
    cgroups = tree.detect()
    assert cgroups.controllers == {"memory", "pids"}
    (group,) = cgroups.create("vm", LIMITS).folders
    assert group.parent.parent == own.parent
    assert (own.parent / "cgroup.subtree_control").read_text() == "memory pids"


def test_hybrid_uses_each_controller_where_it_is(tree: Tree) -> None:
    tree.add_v1("memory")
    tree.add_v2("hugetlb pids")
    cgroups = tree.detect()
    assert cgroups.controllers == {"memory", "pids"}
    group = cgroups.create("vm", LIMITS)
    assert len(group.procs_files) == 2


def test_a_hierarchy_that_may_not_be_written_is_not_used(tree: Tree) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tree.add_v1("memory").chmod(0o555)
    assert tree.detect().controllers == frozenset()


def test_groups_of_a_killed_server_are_removed_and_of_a_living_one_kept(tree: Tree) -> None:
    base = tree.add_v1("pids")
    dead, living = base / "hatchway-999999999-1" / "vm", base / f"hatchway-{os.getppid()}-1"
    dead.mkdir(parents=True)
    living.mkdir()
    tree.detect().create("vm", LIMITS)
    assert not dead.parent.exists()
    assert living.exists()


def test_groups_are_removed(tree: Tree) -> None:
    base = tree.add_v1("pids")
    cgroups = tree.detect()
    group = cgroups.create("vm", LIMITS)
    assert group.remove() is False  # a folder of ordinary files is as busy as a group with processes
    for folder in group.folders:
        (folder / "pids.max").unlink()
    assert group.remove() is True
    assert group.remove() is True
    cgroups.close()
    assert [path.name for path in base.iterdir()] == ["cgroup.procs"]
