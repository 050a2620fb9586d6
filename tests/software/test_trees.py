from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from hatchway.software.trees import UnfitTreeError, check, find_in, make_readable


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree in which all is as it should be."""
    root = tmp_path / "tree"
    (root / "bin").mkdir(parents=True)
    (root / "share" / "doc").mkdir(parents=True)
    (root / "bin" / "tool").write_text("#!/bin/sh\n")
    (root / "share" / "doc" / "tool").write_text("about it")
    (root / "bin" / "alias").symlink_to("tool")
    (root / "share" / "up").symlink_to("../bin/../share/doc")
    (root / "bin" / "python3").symlink_to("/usr/bin/python3")
    make_readable(root)
    (root / "bin" / "tool").chmod(0o755)
    return root


def refused(action: Callable[[Path], object], tree: Path) -> str:
    with pytest.raises(UnfitTreeError) as caught:
        action(tree)
    assert str(tree) not in str(caught.value)
    return str(caught.value)


def test_everything_gets_the_modes_of_usr(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "program").write_text("12345")
    (root / "sub" / "text").write_text("123")
    for path, mode in (
        (root / "sub" / "program", 0o4710),
        (root / "sub" / "text", 0o600),
        (root / "sub", 0o2700),
    ):
        path.chmod(mode)
    root.chmod(0o700)
    assert make_readable(root) == 8
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*"))}
    assert modes == {"tree": 0o755, "sub": 0o755, "program": 0o755, "text": 0o644}
    check(root)


def test_a_tree_that_will_do(tree: Path) -> None:
    check(tree)


@pytest.mark.parametrize(
    "target", ["../../etc/passwd", "/etc/passwd", "../..", "/", "/usr", "/usrlocal/x", "/home/me"]
)
@pytest.mark.parametrize("action", [check, make_readable])
def test_links_that_lead_out(tree: Path, target: str, action: Callable[[Path], object]) -> None:
    (tree / "bin" / "link").symlink_to(target)
    assert refused(action, tree) == "the link 'bin/link' leads out of it"


@pytest.mark.parametrize("action", [check, make_readable])
def test_nothing_but_files_folders_and_links(tree: Path, action: Callable[[Path], object]) -> None:
    os.mkfifo(tree / "share" / "pipe", 0o644)
    assert refused(action, tree) == "'share/pipe' is a device, socket or pipe"


@pytest.mark.parametrize(
    ("name", "mode"),
    [("bin/tool", 0o750), ("share/doc/tool", 0o640), ("share/doc", 0o754), ("bin", 0o710), (".", 0o750)],
)
def test_what_not_everybody_may_read(tree: Path, name: str, mode: int) -> None:
    (tree / name).chmod(mode)
    assert refused(check, tree) == f"not everybody may read {name!r} (chmod o+rX)"


def test_links_are_not_followed(tree: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret").write_text("x")
    (elsewhere / "secret").chmod(0o600)
    (tree / "share" / "link").symlink_to(elsewhere)
    with pytest.raises(UnfitTreeError):
        make_readable(tree)
    assert stat.S_IMODE((elsewhere / "secret").stat().st_mode) == 0o600


def test_commands_are_found_where_a_vm_looks(tree: Path) -> None:
    assert find_in(tree, "tool") == "bin/tool"
    assert find_in(tree, "alias") == "bin/alias"
    assert find_in(tree, "python3") == "bin/python3"
    assert find_in(tree, "doc") is None
    assert find_in(tree, "nothing") is None
    (tree / "local" / "bin").mkdir(parents=True)
    (tree / "local" / "bin" / "tool").write_text("")
    assert find_in(tree, "tool") == "bin/tool", "one that cannot be executed does not count"
    (tree / "local" / "bin" / "tool").chmod(0o755)
    assert find_in(tree, "tool") == "local/bin/tool"
