"""The command's nouns and verbs for files, as processes, against a real VM."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from e2e.command import Command
from e2e.server_process import COMMAND
from e2e.waiting import wait_until

pytestmark = pytest.mark.sandbox

ODD_NAMES = [b"with space", b"\xff\xfe", b"-rf", b"a:b", b"new\nline", b"\x1b[31mred", "ü文".encode()]


def test_a_file_goes_in_and_comes_out_again(hatchway: Command) -> None:
    content = os.urandom(3_000_000)
    here = hatchway.folder / "data"
    here.write_bytes(content)
    here.chmod(0o640)
    key = hatchway.key
    assert hatchway.ok("cp", "data", f"{key}:") == b""
    assert hatchway.ok("cp", f"{key}:data", "copy") == b""
    assert (hatchway.folder / "copy").read_bytes() == content
    assert hatchway.ok("cat", key, "data", "data") == content * 2
    assert hatchway.sh("stat -c %a data") == b"640\n"
    # Into a folder of either side, and under another name.
    hatchway.ok("mkdir", key, "-p", "a/b")
    (hatchway.folder / "folder").mkdir()
    hatchway.ok("cp", "data", f"{key}:a/b")
    hatchway.ok("cp", "./data", f"{key}:a/b/other")
    hatchway.ok("cp", f"{key}:a/b/data", f"{key}:a/b/other", "folder")
    assert sorted(path.name for path in (hatchway.folder / "folder").iterdir()) == ["data", "other"]
    assert (hatchway.folder / "folder/other").read_bytes() == content


def test_folders_are_copied_whole(hatchway: Command) -> None:
    tree = hatchway.folder / "tree"
    (tree / "empty").mkdir(parents=True)
    (tree / "deep/er").mkdir(parents=True)
    (tree / "deep/er/file").write_bytes(b"deep")
    (tree / "script").write_bytes(b"#!/bin/sh\n")
    (tree / "script").chmod(0o755)
    (tree / "link").symlink_to("script")
    for name in ODD_NAMES:
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_bytes(name)
    key = hatchway.key
    hatchway.ok("cp", "-r", "tree", f"{key}:there")
    hatchway.ok("cp", "tree", f"{key}:there")  # it is there now, so this goes into it
    assert hatchway.sh("readlink there/link; stat -c %a there/script; ls -d there/tree/empty") == (
        b"script\n755\nthere/tree/empty\n"
    )
    hatchway.ok("cp", f"{key}:there/tree", ".")
    hatchway.ok("cp", f"{key}:there/tree", "back")

    def listing(folder: Path) -> list[tuple[bytes, int, bytes]]:
        found = []
        for path in sorted(folder.rglob("*")):
            kind = path.lstat().st_mode
            content = (
                os.fsencode(os.readlink(path))
                if path.is_symlink()
                else path.read_bytes()
                if path.is_file()
                else b""
            )
            found.append((os.fsencode(path.relative_to(folder)), kind, content))
        return found

    assert listing(hatchway.folder / "back") == listing(tree)


def test_standard_input_and_output_are_files_too(hatchway: Command) -> None:
    content = os.urandom(200_000)
    hatchway.ok("cp", "-", f"{hatchway.key}:from-stdin", stdin=content)
    assert hatchway.ok("cp", f"{hatchway.key}:from-stdin", "-") == content
    hatchway.ok("cp", f"{hatchway.key}:from-stdin", "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_from_one_vm_to_another(hatchway: Command) -> None:
    key, other = hatchway.key, f"{hatchway.key}-other"
    hatchway.sh("mkdir -p src/sub; echo one >src/sub/file; echo two >plain")
    hatchway.ok("cp", f"{key}:src", f"{key}:plain", f"{other}:")
    assert hatchway.ok("cat", other, "src/sub/file", "plain") == b"one\ntwo\n"


@pytest.mark.slow
def test_odd_names_are_written_as_they_are(hatchway: Command) -> None:
    key = hatchway.key
    hatchway.ok("mkdir", key, "odd")
    for name in ODD_NAMES:
        hatchway.ok("cp", "-", os.fsencode(key) + b":odd/" + name, stdin=name)
        assert hatchway.ok("cat", key, b"odd/" + name) == name
    assert hatchway.ok("ls", key, "odd") == b"".join(name + b"\n" for name in sorted(ODD_NAMES))
    entries = json.loads(hatchway.ok("ls", key, "odd", "--json"))
    names = [
        base64.b64decode(each["path_base64"]) if "path_base64" in each else each["path"].encode()
        for each in entries
    ]
    assert names == sorted(ODD_NAMES)
    for name in ODD_NAMES:
        hatchway.ok("mv", key, b"odd/" + name, b"odd/moved")
        hatchway.ok("rm", key, "odd/moved")
    assert hatchway.ok("ls", key, "odd") == b""


def test_lists_are_for_programs_and_for_people(hatchway: Command) -> None:
    key = hatchway.key
    hatchway.sh(
        "mkdir -p src/lib; echo 12345 >src/a; chmod 640 src/a; ln -s a src/link; touch src/lib/deep '\x1b[31mred'"
    )
    assert hatchway.ok("ls", key, "src") == b"a\nlib\nlink\n"
    assert hatchway.ok("ls", key, "src/a") == b"src/a\n"
    assert hatchway.ok("ls", key, "src", "--recursive") == b"a\nlib\nlib/deep\nlink\n"
    lines = [line.split(b"\t") for line in hatchway.ok("ls", key, "src", "-l").splitlines()]
    assert [(line[0], line[1], line[3]) for line in lines if line[3] != b"lib"] == [
        (b"-rw-r-----", b"6", b"a"),
        (b"lrwxrwxrwx", b"1", b"link"),
    ]
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[0][2])
    found = {each["path"]: each for each in json.loads(hatchway.ok("ls", key, "src", "-l", "--json"))}
    assert (found["link"]["type"], found["link"]["target"]) == ("symlink", "a")
    assert (found["a"]["mode"], found["a"]["size"]) == ("0640", 6)
    # On a terminal: nothing steers it, folders are marked.
    shown = hatchway.shown("stdout", "ls", key)
    assert "src/" in shown
    assert "\ufffd[31mred\n" in shown
    assert "MODE" in hatchway.shown("stdout", "ls", "-l", key, "src")
    assert "link -> a" in hatchway.shown("stdout", "ls", "-l", key, "src")


def test_folders_and_files_are_made_moved_and_deleted(hatchway: Command) -> None:
    key = hatchway.key
    hatchway.ok("mkdir", key, "one", "two")
    assert "one: " in hatchway.fails("mkdir", key, "one")
    hatchway.ok("mkdir", "-p", key, "one", "deep/er")
    hatchway.ok("cp", "-", f"{key}:one/file", stdin=b"x")
    hatchway.ok("mv", key, "one/file", "two")
    hatchway.ok("mv", key, "two/file", "two/renamed")
    assert hatchway.ok("ls", key, "two") == b"renamed\n"
    said = hatchway.fails("rm", key, "none", "two", "deep")
    assert said.count("error: ") == 3
    assert "none: no such file" in said
    assert "hint: hatchway rm --recursive" in said
    hatchway.ok("rm", "-rf", key, "none", "two", "deep")
    assert hatchway.ok("ls", key) == b"one\n"


@pytest.mark.slow
def test_what_is_wrong_says_what_to_do(hatchway: Command) -> None:
    key = hatchway.key
    hatchway.sh("mkdir folder; touch file")
    (hatchway.folder / "file").write_bytes(b"")
    for arguments, words in [
        (["cat", key, "none"], ["none: no such file or folder in the VM", "hint: "]),
        (["cat", key, "folder"], ["folder: the path is a folder", "hint: hatchway ls"]),
        (["ls", key, "none"], ["no such file or folder in the VM", "hint: "]),
        (["ls", "typo/of/key"], ["there is no VM of this kind with this key", "hint: "]),
        (["cp", "typo:x", "y"], ["there is no VM of this kind with this key", "hint: "]),
        (["cp", "none", f"{key}:"], ["none", "hint: "]),
        (["cp", f"{key}:none", "x"], [f"{key}:none: no such file", "hint: "]),
        (["cp", f"{key}:file", "none/x"], ["none/x", "No such file or directory", "hint: "]),
        (["cp", f"{key}:file", "file/x"], ["file/x", "Not a directory", "hint: "]),
        (["cp", f"{key}:folder", "file"], ["file", "hint: "]),
        (["cp", f"{key}:file", f"{key}:folder", "x"], ["x is no folder", "hint: make it first"]),
        (["cp", f"{key}:file", f"{key}:folder", f"{key}:x"], ["hint: make it first, with hatchway mkdir"]),
        (["cp", "a", "b"], ["neither the source nor the target is in a VM", "hint: KEY:PATH"]),
        (["cp", "-", f"{key}:"], ["has no name", "hint: "]),
        (["cp", f"{key}:file", "/sys/x"], ["/sys/x: ", "hint: "]),  # where nobody may make a file
        (["cp", f"{key}:file", "/dev/full/x"], ["Not a directory", "hint: "]),
        (["mv", key, "none", "x"], ["no such file", "hint: "]),
        (["rm", key, "-rf", "."], ["are not deleted", "hint: name what is in it"]),
    ]:
        said = hatchway.fails(*arguments)
        assert said.startswith("error: "), (arguments, said)
        for word in words:
            assert word in said, (arguments, said)
    assert sorted(path.name for path in hatchway.folder.iterdir()) == ["file"]


def test_nobody_makes_a_vm_by_looking(hatchway: Command) -> None:
    for arguments in (["ls", "typo"], ["cat", "typo", "x"], ["rm", "typo", "x"], ["ps", "typo"]):
        assert "there is no VM of this kind with this key" in hatchway.fails(*arguments)


def test_a_reader_that_leaves_is_no_error(hatchway: Command) -> None:
    hatchway.sh("head -c 50000000 /dev/zero >big")
    for arguments in (["cat", hatchway.key, "big"], ["cp", f"{hatchway.key}:big", "-"]):
        ran = hatchway.first_byte(*arguments)
        assert (ran.returncode, ran.stdout, ran.stderr) == (141, b"\0", b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_copy_that_is_interrupted_leaves_nothing(hatchway: Command, number: signal.Signals) -> None:
    hatchway.sh("truncate -s 4000000000 big")
    with hatchway.start("cp", f"{hatchway.key}:big", "big") as copying:
        wait_until(lambda: any(hatchway.folder.iterdir()), "the copy has begun")
        copying.send_signal(number)
        assert copying.communicate() == (b"", b"")
    assert copying.returncode == 128 + number
    assert list(hatchway.folder.iterdir()) == []


def test_a_disk_that_is_full_leaves_nothing(hatchway: Command) -> None:
    hatchway.sh("head -c 5000000 /dev/zero >big")
    # As near to a full disk as any user can make: no file may be larger than this (setrlimit(2)).
    limited = ["bash", "-c", 'ulimit -f 1000; trap "" XFSZ; exec "$@"', "bash", *COMMAND]
    ran = subprocess.run(
        [*limited, "cp", f"{hatchway.key}:big", "big"],
        capture_output=True,
        env=hatchway.environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=hatchway.folder,
        timeout=60,
        check=False,
    )
    said = ran.stderr.decode()
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert "File too large" in said
    assert "Traceback" not in said
    assert list(hatchway.folder.iterdir()) == []


def test_a_bar_is_shown_to_whoever_waits(hatchway: Command) -> None:
    (hatchway.folder / "data").write_bytes(b"x" * 2_000_000)
    shown = hatchway.shown("stderr", "cp", "data", f"{hatchway.key}:data")
    assert "data" in shown
    assert "1.9/1.9 MiB" in shown
