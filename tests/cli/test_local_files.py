from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hatchway.cli.local_files import is_folder_here, is_special, reading, writing_whole
from hatchway.errors import HatchwayError


def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with writing_whole(str(target)) as write:
        write(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    umask = os.umask(0)
    os.umask(umask)
    assert target.stat().st_mode & 0o7777 == 0o666 & ~umask


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")

    def fail() -> None:
        with writing_whole(str(target)) as write:
            write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o751)
    link.symlink_to(target)
    with writing_whole(str(link)) as write:
        write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o7777 == 0o751


def test_what_is_no_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with writing_whole(str(pipe)) as write:
        write(b"through")
    reader.join()
    assert read == [b"through"]
    assert is_special(str(pipe))
    assert is_special("/dev/null")
    assert not is_special(str(tmp_path))
    assert is_folder_here(str(tmp_path))
    assert not is_folder_here(str(pipe))
    assert not is_special(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none/target", "No such file or directory"),
        ("file/target", "Not a directory"),
        ("folder", "Is a directory"),
        ("new/", "Is a directory"),
    ],
)
def test_what_cannot_be_written_says_why(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    path = f"{tmp_path}/{name}"
    with pytest.raises(HatchwayError) as caught, writing_whole(path):
        pass
    assert caught.value.code.startswith("local_file_")
    assert caught.value.message == f"{path.rstrip('/')}: {words}"
    assert caught.value.hint
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


def test_a_full_disk_is_told() -> None:
    with pytest.raises(HatchwayError) as caught, writing_whole("/dev/full") as write:
        write(b"x")
    assert "No space left on device" in caught.value.message
    assert caught.value.code == "local_disk_full"


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    for path, words in [(tmp_path / "none", "No such file"), (tmp_path, "Is a directory")]:
        with pytest.raises(HatchwayError) as caught, reading(str(path)) as file:
            file.read()
        assert words in caught.value.message
