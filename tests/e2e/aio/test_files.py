"""Every action of an agent on files, in a real VM."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hatchway import Agent, Conflict, HatchwayError, InvalidRequest, NotFound
from hatchway.client import DirEntry, FileStat, FileWritten

pytestmark = pytest.mark.sandbox

ODD = "na\nme \udcff ü"
"""A name as `os.fsdecode` gives it, with a line break and what is no UTF-8."""


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_file_and_what_is_said_of_it(agent: Agent) -> None:
    await agent.write_file("deep/er/f", "grün", mode=0o640, parents=True)
    stat = await agent.stat("deep/er/f")
    assert (stat.type, stat.size, stat.mode, stat.uid, stat.target) == ("file", 5, 0o640, 0, None)
    assert abs((datetime.now(UTC) - stat.modified_at).total_seconds()) < 60
    await agent.write_file("deep/er/f", pieces(b"\x00\xff", b"\n"))
    assert await agent.read_file("/home/user/deep/er/f") == b"\x00\xff\n"
    assert [piece async for piece in agent.stream_file("deep/er/f")] == [b"\x00\xff\n"]
    assert (await agent.stat("deep/er/f")).mode == 0o640
    with pytest.raises(NotFound) as caught:
        await agent.write_file("not/there", b"")
    assert caught.value.code == "file_not_found"
    with pytest.raises(NotFound):
        [piece async for piece in agent.stream_file("not/there")]


async def test_names_are_bytes(agent: Agent) -> None:
    await agent.mkdir(ODD)
    await agent.write_file(f"{ODD}/{ODD}", b"x")
    assert await agent.readdir("/home/user") == [ODD]
    entries = await agent.readdir_recursive("/home/user")
    assert [entry.path for entry in entries] == [ODD, f"{ODD}/{ODD}"]
    assert await agent.read_file(os.fsencode(f"{ODD}/{ODD}")) == b"x"
    result = await agent.exec(["find", ".", "-type", "f", "-print0"])
    assert result.stdout_bytes == os.fsencode(f"./{ODD}/{ODD}\0")
    await agent.exec(r'ln -s "$(printf "\377\nx")" link')
    assert (await agent.stat("link", follow=False)).target == "\udcff\nx"


async def test_links(agent: Agent) -> None:
    await agent.write_file("f", b"12345")
    await agent.exec("ln -s f link; ln -s nowhere broken; ln -s loop loop")
    assert (await agent.stat("link")).type == "file"
    link = await agent.stat("link", follow=False)
    assert (link.type, link.target) == ("symlink", "f")
    for name in ("broken", "loop"):
        assert await agent.exists(name) is False
        with pytest.raises(HatchwayError):
            await agent.stat(name)
        assert (await agent.stat(name, follow=False)).type == "symlink"
    await agent.delete_file("link")
    assert await agent.read_file("f") == b"12345"


async def test_folders(agent: Agent) -> None:
    await agent.mkdir("a/b/c", recursive=True, mode=0o700)
    await agent.mkdir("a/b/c", recursive=True)
    assert (await agent.stat("a/b/c")).mode == 0o700
    assert (await agent.stat("a/b")).mode == 0o755
    with pytest.raises(Conflict) as caught:
        await agent.mkdir("a")
    assert caught.value.code == "already_exists"
    with pytest.raises(NotFound):
        await agent.mkdir("x/y")
    with pytest.raises(Conflict) as caught:
        await agent.delete_file("a")
    assert caught.value.code == "directory_not_empty"
    await agent.delete_file("a", recursive=True)
    assert await agent.readdir("/home/user") == []


async def test_a_tree_is_listed(agent: Agent) -> None:
    for path in ("a/1", "a/b/2.pyc", "a/b/c/3", "node_modules/x/y", "z"):
        await agent.write_file(path, path, parents=True)
    await agent.exec("ln -s / outside")
    entries = {entry.path: entry for entry in await agent.readdir_recursive(".")}
    assert set(entries) == {
        *("a", "a/1", "a/b", "a/b/2.pyc", "a/b/c", "a/b/c/3"),
        *("node_modules", "node_modules/x", "node_modules/x/y", "outside", "z"),
    }
    assert entries["a/1"] == DirEntry("a/1", "file", 3)
    assert entries["outside"].type == "symlink"
    assert [entry.path for entry in entries.values()].index("a") < list(entries).index("a/1")
    some = await agent.readdir_recursive("/home/user", max_depth=2, exclude=["node_modules", "*.pyc"])
    assert {entry.path for entry in some} == {"a", "a/1", "a/b", "outside", "z"}
    assert {entry.path for entry in await agent.readdir_recursive("a", exclude="b/c")} == {
        "1",
        "b",
        "b/2.pyc",
    }
    assert await agent.readdir(".") == ["a", "node_modules", "outside", "z"]
    for path, code in (("nowhere", "file_not_found"), ("z", "not_a_directory")):
        with pytest.raises(HatchwayError) as caught:
            await agent.readdir(path)
        assert caught.value.code == code


async def test_a_large_folder_is_listed_whole(agent: Agent) -> None:
    await agent.exec(
        "mkdir many; cd many; seq -f 'a-rather-long-name-to-fill-messages-%05g' 20000 | xargs touch"
    )
    names = await agent.readdir("many")
    assert len(names) == 20_000
    assert names == sorted(names)
    await agent.delete_file("many", recursive=True)
    assert not await agent.exists("many")


async def test_moving(agent: Agent) -> None:
    await agent.write_file("f", b"1")
    await agent.write_file("g", b"2")
    await agent.move("f", "g")
    assert await agent.read_file("g") == b"1"
    await agent.move("g", "/tmp/g")  # another file system
    assert await agent.read_file("/tmp/g") == b"1"
    await agent.write_file("d/e/f", b"3", parents=True)
    await agent.move("d", "/tmp/d")
    assert await agent.read_file("/tmp/d/e/f") == b"3"
    if os.geteuid() == 0:
        await agent.move("/usr/share/doc", "/home/user/doc")  # a folder of a lower layer
        assert await agent.exists("doc")
        assert not await agent.exists("/usr/share/doc")
    else:  # under an ordinary user's server what is the host root's stays as it is
        with pytest.raises(Conflict) as caught:
            await agent.move("/usr/share/doc", "/home/user/doc")
        assert caught.value.code == "not_permitted"
        assert await agent.exists("/usr/share/doc")
    with pytest.raises(InvalidRequest):
        await agent.move("/tmp/d", "/tmp/d/inside")
    with pytest.raises(NotFound):
        await agent.move("nothing", "x")


async def test_many_files_at_once(agent: Agent) -> None:
    written = await agent.write_files({"a/b/c": "1", "d": b"2", "/proc/x": b"3"})
    assert [(one.path, one.success) for one in written] == [("a/b/c", True), ("d", True), ("/proc/x", False)]
    assert written[2].error is not None
    read = await agent.read_files(["d", "nothing", "a/b/c", "a"])
    assert [(one.path, one.content) for one in read] == [
        ("d", b"2"),
        ("nothing", None),
        ("a/b/c", b"1"),
        ("a", None),
    ]
    assert [one.error.code for one in read if one.error is not None] == ["file_not_found", "is_a_directory"]
    assert await agent.write_files([(os.fsencode(ODD), b"4"), ("a/b/d", "5")]) == [
        FileWritten(os.fsencode(ODD)),
        FileWritten("a/b/d"),
    ]
    assert await agent.read_file(ODD) == b"4"
    assert await agent.write_files({}) == []
    assert await agent.read_files([]) == []


async def test_what_a_vm_may_not_touch_no_action_does(agent: Agent) -> None:
    for path in ("/proc/1/environ", "/proc/1/mem", "/proc/sys/kernel/core_pattern", "/dev/null"):
        with pytest.raises(HatchwayError):
            await agent.read_file(path)
    with pytest.raises(HatchwayError):
        await agent.write_file("/proc/sys/kernel/core_pattern", b"|/x")
    with pytest.raises(HatchwayError):
        await agent.delete_file("/proc", recursive=True)
    with pytest.raises(HatchwayError):
        await agent.move("/home/user", "/proc/x")
    assert await agent.exists("/home/user")


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


async def test_a_folder_goes_in_and_comes_out_as_it_was(agent: Agent, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub" / "empty").mkdir(parents=True)
    (source / "run.sh").write_bytes(b"#!/bin/sh\necho hi\n")
    (source / "run.sh").chmod(0o755)
    (source / ODD).write_bytes(os.urandom(1_000_000))
    (source / "sub" / "link").symlink_to("../run.sh")
    os.utime(source / "run.sh", (1_000_000_000, 1_000_000_000))
    os.mkfifo(source / "pipe")
    told: list[tuple[int, int | None]] = []
    up = await agent.upload(source, "copy", progress=lambda done, total: told.append((done, total)))
    assert (up.files, up.bytes, up.skipped) == (2, 1_000_018, 1)
    assert told[-1] == (1_000_018, 1_000_018)
    assert (await agent.exec("./copy/run.sh")).stdout == "hi\n"
    assert (await agent.stat("copy/sub/link", follow=False)).target == "../run.sh"
    down = await agent.download("copy", tmp_path / "back")
    assert (down.files, down.bytes, down.skipped) == (2, 1_000_018, 0)
    (source / "pipe").unlink()
    assert tree(tmp_path / "back") == tree(source)
    assert sorted(os.listdir(tmp_path)) == ["back", "source"]


async def test_a_file_goes_in_and_comes_out_as_it_was(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(os.urandom(700_000))
    (tmp_path / "f").chmod(0o750)
    told: list[tuple[int, int | None]] = []
    await agent.upload(str(tmp_path / "f"), "x/y/f", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (700_000, 700_000)
    assert (await agent.stat("x/y/f")).mode == 0o750
    done = await agent.download("x/y/f", tmp_path / "g")
    assert (done.files, done.bytes) == (1, 700_000)
    assert (tmp_path / "g").read_bytes() == (tmp_path / "f").read_bytes()
    assert (tmp_path / "g").stat().st_mode & 0o777 == 0o750
    assert sorted(os.listdir(tmp_path)) == ["f", "g"]


async def test_a_folder_that_is_there_is_added_to(agent: Agent, tmp_path: Path) -> None:
    await agent.write_files({"d/new": "new", "d/old": "replaced"})
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "old").write_text("old")
    (tmp_path / "d" / "own").write_text("own")
    await agent.download("d", tmp_path / "d")
    assert {path.name: path.read_text() for path in (tmp_path / "d").iterdir()} == {
        "new": "new",
        "old": "replaced",
        "own": "own",
    }


async def test_a_download_does_not_leave_its_folder(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "link").symlink_to(tmp_path / "outside")
    await agent.write_files({"d/link/x": "escaped", "d/ok": "ok"})
    with pytest.raises(HatchwayError):  # the folder's own link is not followed
        await agent.download("d", tmp_path / "there")
    assert list((tmp_path / "outside").iterdir()) == []
    await agent.exec("mkdir e; ln -s / e/root; ln -s ../../.. e/up; ln -s ok e/fine; echo ok > e/ok")
    done = await agent.download("e", tmp_path / "e")
    assert done.skipped == 2
    assert sorted(os.listdir(tmp_path / "e")) == ["fine", "ok"]


async def test_local_trouble_names_the_file(agent: Agent, tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        await agent.upload(tmp_path / "nothing", "x")
    assert caught.value.code == "local_file_not_found"
    assert str(tmp_path / "nothing") in caught.value.message
    await agent.write_files({"f": "f", "d/f": "f"})
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for path, local in (
        ("f", tmp_path / "no" / "such"),
        ("d", tmp_path / "no" / "such"),
        ("d", tmp_path / "file"),
        ("f", tmp_path / "folder"),
    ):
        with pytest.raises(HatchwayError) as trouble:
            await agent.download(path, local)
        assert trouble.value.code.startswith("local_file_")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Conflict) as refused:
        await agent.upload(tmp_path / "pipe", "x")
    assert refused.value.code == "not_a_regular_file"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "pipe"]
    assert (tmp_path / "file").read_text() == "x"


async def test_an_upload_that_is_refused_while_it_is_sent_says_why(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "t" / "folder").mkdir(parents=True)
    with open(tmp_path / "t" / "folder" / "big", "wb") as file:
        file.truncate(100_000_000)
    await agent.write_file("f", b"")
    await agent.write_file("d/folder", b"", parents=True)
    for path in ("f", "d"):
        with pytest.raises(Conflict) as caught:
            await agent.upload(tmp_path / "t", path)
        assert caught.value.code == "not_a_directory"
    assert caught.value.details == {"entries": 0, "bytes": 0}
    assert await agent.readdir("d") == ["folder"]


async def test_a_stat_is_a_plain_value(agent: Agent) -> None:
    await agent.write_file("f", b"")
    stat = await agent.stat("f")
    assert stat == FileStat("file", 0, 0o644, 0, 0, stat.modified_at)
