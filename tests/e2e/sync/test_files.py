# Written by tools/generate-sync-client from tests/e2e/aio/test_files.py.
"""Every action of an agent on files, in a real VM."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hatchway import Conflict, HatchwayError, InvalidRequest, NotFound, SyncAgent
from hatchway.client import DirEntry, FileStat, FileWritten

pytestmark = pytest.mark.sandbox

ODD = "na\nme \udcff ü"
"""A name as `os.fsdecode` gives it, with a line break and what is no UTF-8."""


def pieces(*parts: bytes) -> Iterator[bytes]:
    for part in parts:
        yield part


def test_a_file_and_what_is_said_of_it(agent: SyncAgent) -> None:
    agent.write_file("deep/er/f", "grün", mode=0o640, parents=True)
    stat = agent.stat("deep/er/f")
    assert (stat.type, stat.size, stat.mode, stat.uid, stat.target) == ("file", 5, 0o640, 0, None)
    assert abs((datetime.now(UTC) - stat.modified_at).total_seconds()) < 60
    agent.write_file("deep/er/f", pieces(b"\x00\xff", b"\n"))
    assert agent.read_file("/home/user/deep/er/f") == b"\x00\xff\n"
    assert [piece for piece in agent.stream_file("deep/er/f")] == [b"\x00\xff\n"]
    assert (agent.stat("deep/er/f")).mode == 0o640
    with pytest.raises(NotFound) as caught:
        agent.write_file("not/there", b"")
    assert caught.value.code == "file_not_found"
    with pytest.raises(NotFound):
        [piece for piece in agent.stream_file("not/there")]


def test_names_are_bytes(agent: SyncAgent) -> None:
    agent.mkdir(ODD)
    agent.write_file(f"{ODD}/{ODD}", b"x")
    assert agent.readdir("/home/user") == [ODD]
    entries = agent.readdir_recursive("/home/user")
    assert [entry.path for entry in entries] == [ODD, f"{ODD}/{ODD}"]
    assert agent.read_file(os.fsencode(f"{ODD}/{ODD}")) == b"x"
    result = agent.exec(["find", ".", "-type", "f", "-print0"])
    assert result.stdout_bytes == os.fsencode(f"./{ODD}/{ODD}\0")
    agent.exec(r'ln -s "$(printf "\377\nx")" link')
    assert (agent.stat("link", follow=False)).target == "\udcff\nx"


def test_links(agent: SyncAgent) -> None:
    agent.write_file("f", b"12345")
    agent.exec("ln -s f link; ln -s nowhere broken; ln -s loop loop")
    assert (agent.stat("link")).type == "file"
    link = agent.stat("link", follow=False)
    assert (link.type, link.target) == ("symlink", "f")
    for name in ("broken", "loop"):
        assert agent.exists(name) is False
        with pytest.raises(HatchwayError):
            agent.stat(name)
        assert (agent.stat(name, follow=False)).type == "symlink"
    agent.delete_file("link")
    assert agent.read_file("f") == b"12345"


def test_folders(agent: SyncAgent) -> None:
    agent.mkdir("a/b/c", recursive=True, mode=0o700)
    agent.mkdir("a/b/c", recursive=True)
    assert (agent.stat("a/b/c")).mode == 0o700
    assert (agent.stat("a/b")).mode == 0o755
    with pytest.raises(Conflict) as caught:
        agent.mkdir("a")
    assert caught.value.code == "already_exists"
    with pytest.raises(NotFound):
        agent.mkdir("x/y")
    with pytest.raises(Conflict) as caught:
        agent.delete_file("a")
    assert caught.value.code == "directory_not_empty"
    agent.delete_file("a", recursive=True)
    assert agent.readdir("/home/user") == []


def test_a_tree_is_listed(agent: SyncAgent) -> None:
    for path in ("a/1", "a/b/2.pyc", "a/b/c/3", "node_modules/x/y", "z"):
        agent.write_file(path, path, parents=True)
    agent.exec("ln -s / outside")
    entries = {entry.path: entry for entry in agent.readdir_recursive(".")}
    assert set(entries) == {
        *("a", "a/1", "a/b", "a/b/2.pyc", "a/b/c", "a/b/c/3"),
        *("node_modules", "node_modules/x", "node_modules/x/y", "outside", "z"),
    }
    assert entries["a/1"] == DirEntry("a/1", "file", 3)
    assert entries["outside"].type == "symlink"
    assert [entry.path for entry in entries.values()].index("a") < list(entries).index("a/1")
    some = agent.readdir_recursive("/home/user", max_depth=2, exclude=["node_modules", "*.pyc"])
    assert {entry.path for entry in some} == {"a", "a/1", "a/b", "outside", "z"}
    assert {entry.path for entry in agent.readdir_recursive("a", exclude="b/c")} == {
        "1",
        "b",
        "b/2.pyc",
    }
    assert agent.readdir(".") == ["a", "node_modules", "outside", "z"]
    for path, code in (("nowhere", "file_not_found"), ("z", "not_a_directory")):
        with pytest.raises(HatchwayError) as caught:
            agent.readdir(path)
        assert caught.value.code == code


def test_a_large_folder_is_listed_whole(agent: SyncAgent) -> None:
    agent.exec("mkdir many; cd many; seq -f 'a-rather-long-name-to-fill-messages-%05g' 20000 | xargs touch")
    names = agent.readdir("many")
    assert len(names) == 20_000
    assert names == sorted(names)
    agent.delete_file("many", recursive=True)
    assert not agent.exists("many")


def test_moving(agent: SyncAgent) -> None:
    agent.write_file("f", b"1")
    agent.write_file("g", b"2")
    agent.move("f", "g")
    assert agent.read_file("g") == b"1"
    agent.move("g", "/tmp/g")  # another file system
    assert agent.read_file("/tmp/g") == b"1"
    agent.write_file("d/e/f", b"3", parents=True)
    agent.move("d", "/tmp/d")
    assert agent.read_file("/tmp/d/e/f") == b"3"
    if os.geteuid() == 0:
        agent.move("/usr/share/doc", "/home/user/doc")  # a folder of a lower layer
        assert agent.exists("doc")
        assert not agent.exists("/usr/share/doc")
    else:  # under an ordinary user's server what is the host root's stays as it is
        with pytest.raises(Conflict) as caught:
            agent.move("/usr/share/doc", "/home/user/doc")
        assert caught.value.code == "not_permitted"
        assert agent.exists("/usr/share/doc")
    with pytest.raises(InvalidRequest):
        agent.move("/tmp/d", "/tmp/d/inside")
    with pytest.raises(NotFound):
        agent.move("nothing", "x")


def test_many_files_at_once(agent: SyncAgent) -> None:
    written = agent.write_files({"a/b/c": "1", "d": b"2", "/proc/x": b"3"})
    assert [(one.path, one.success) for one in written] == [("a/b/c", True), ("d", True), ("/proc/x", False)]
    assert written[2].error is not None
    read = agent.read_files(["d", "nothing", "a/b/c", "a"])
    assert [(one.path, one.content) for one in read] == [
        ("d", b"2"),
        ("nothing", None),
        ("a/b/c", b"1"),
        ("a", None),
    ]
    assert [one.error.code for one in read if one.error is not None] == ["file_not_found", "is_a_directory"]
    assert agent.write_files([(os.fsencode(ODD), b"4"), ("a/b/d", "5")]) == [
        FileWritten(os.fsencode(ODD)),
        FileWritten("a/b/d"),
    ]
    assert agent.read_file(ODD) == b"4"
    assert agent.write_files({}) == []
    assert agent.read_files([]) == []


def test_what_a_vm_may_not_touch_no_action_does(agent: SyncAgent) -> None:
    for path in ("/proc/1/environ", "/proc/1/mem", "/proc/sys/kernel/core_pattern", "/dev/null"):
        with pytest.raises(HatchwayError):
            agent.read_file(path)
    with pytest.raises(HatchwayError):
        agent.write_file("/proc/sys/kernel/core_pattern", b"|/x")
    with pytest.raises(HatchwayError):
        agent.delete_file("/proc", recursive=True)
    with pytest.raises(HatchwayError):
        agent.move("/home/user", "/proc/x")
    assert agent.exists("/home/user")


def tree(root: Path) -> dict[str, object]:
    """What is below a folder, with contents, modes and links."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_dir():
            found[name] = path.stat().st_mode
        else:
            found[name] = (path.read_bytes(), path.stat().st_mode, int(path.stat().st_mtime))
    return found


def test_a_folder_goes_in_and_comes_out_as_it_was(agent: SyncAgent, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub" / "empty").mkdir(parents=True)
    (source / "run.sh").write_bytes(b"#!/bin/sh\necho hi\n")
    (source / "run.sh").chmod(0o755)
    (source / ODD).write_bytes(os.urandom(1_000_000))
    (source / "sub" / "link").symlink_to("../run.sh")
    os.utime(source / "run.sh", (1_000_000_000, 1_000_000_000))
    os.mkfifo(source / "pipe")
    told: list[tuple[int, int | None]] = []
    up = agent.upload(source, "copy", progress=lambda done, total: told.append((done, total)))
    assert (up.files, up.bytes, up.skipped) == (2, 1_000_018, 1)
    assert told[-1] == (1_000_018, 1_000_018)
    assert (agent.exec("./copy/run.sh")).stdout == "hi\n"
    assert (agent.stat("copy/sub/link", follow=False)).target == "../run.sh"
    down = agent.download("copy", tmp_path / "back")
    assert (down.files, down.bytes, down.skipped) == (2, 1_000_018, 0)
    (source / "pipe").unlink()
    assert tree(tmp_path / "back") == tree(source)
    assert sorted(os.listdir(tmp_path)) == ["back", "source"]


def test_a_file_goes_in_and_comes_out_as_it_was(agent: SyncAgent, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(os.urandom(700_000))
    (tmp_path / "f").chmod(0o750)
    told: list[tuple[int, int | None]] = []
    agent.upload(str(tmp_path / "f"), "x/y/f", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (700_000, 700_000)
    assert (agent.stat("x/y/f")).mode == 0o750
    done = agent.download("x/y/f", tmp_path / "g")
    assert (done.files, done.bytes) == (1, 700_000)
    assert (tmp_path / "g").read_bytes() == (tmp_path / "f").read_bytes()
    assert (tmp_path / "g").stat().st_mode & 0o777 == 0o750
    assert sorted(os.listdir(tmp_path)) == ["f", "g"]


def test_a_folder_that_is_there_is_added_to(agent: SyncAgent, tmp_path: Path) -> None:
    agent.write_files({"d/new": "new", "d/old": "replaced"})
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "old").write_text("old")
    (tmp_path / "d" / "own").write_text("own")
    agent.download("d", tmp_path / "d")
    assert {path.name: path.read_text() for path in (tmp_path / "d").iterdir()} == {
        "new": "new",
        "old": "replaced",
        "own": "own",
    }


def test_a_download_does_not_leave_its_folder(agent: SyncAgent, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "link").symlink_to(tmp_path / "outside")
    agent.write_files({"d/link/x": "escaped", "d/ok": "ok"})
    with pytest.raises(HatchwayError):  # the folder's own link is not followed
        agent.download("d", tmp_path / "there")
    assert list((tmp_path / "outside").iterdir()) == []
    agent.exec("mkdir e; ln -s / e/root; ln -s ../../.. e/up; ln -s ok e/fine; echo ok > e/ok")
    done = agent.download("e", tmp_path / "e")
    assert done.skipped == 2
    assert sorted(os.listdir(tmp_path / "e")) == ["fine", "ok"]


def test_local_trouble_names_the_file(agent: SyncAgent, tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        agent.upload(tmp_path / "nothing", "x")
    assert caught.value.code == "local_file_not_found"
    assert str(tmp_path / "nothing") in caught.value.message
    agent.write_files({"f": "f", "d/f": "f"})
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for path, local in (
        ("f", tmp_path / "no" / "such"),
        ("d", tmp_path / "no" / "such"),
        ("d", tmp_path / "file"),
        ("f", tmp_path / "folder"),
    ):
        with pytest.raises(HatchwayError) as trouble:
            agent.download(path, local)
        assert trouble.value.code.startswith("local_file_")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Conflict) as refused:
        agent.upload(tmp_path / "pipe", "x")
    assert refused.value.code == "not_a_regular_file"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "pipe"]
    assert (tmp_path / "file").read_text() == "x"


def test_an_upload_that_is_refused_while_it_is_sent_says_why(agent: SyncAgent, tmp_path: Path) -> None:
    (tmp_path / "t" / "folder").mkdir(parents=True)
    with open(tmp_path / "t" / "folder" / "big", "wb") as file:
        file.truncate(100_000_000)
    agent.write_file("f", b"")
    agent.write_file("d/folder", b"", parents=True)
    for path in ("f", "d"):
        with pytest.raises(Conflict) as caught:
            agent.upload(tmp_path / "t", path)
        assert caught.value.code == "not_a_directory"
    assert caught.value.details == {"entries": 0, "bytes": 0}
    assert agent.readdir("d") == ["folder"]


def test_a_stat_is_a_plain_value(agent: SyncAgent) -> None:
    agent.write_file("f", b"")
    stat = agent.stat("f")
    assert stat == FileStat("file", 0, 0o644, 0, 0, stat.modified_at)
