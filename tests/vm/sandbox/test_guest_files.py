"""The file requests of guest init on this host's files; inside VMs they are tested in vm/test_files.py."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hatchway.vm.sandbox import guest_files
from hatchway.vm.sandbox.guest_files import FileRequests


@pytest.fixture
def requests() -> Iterator[FileRequests]:
    requests = FileRequests()
    yield requests
    requests.discard_all()


def _create(requests: FileRequests, path: Path, content: bytes, mode: int | None = None) -> int:
    """Write a file up to its commit; its handle."""
    fds: list[int] = []
    answer = requests.operations["create"]({"path": str(path), "mode": mode}, fds)
    (fd,) = fds
    os.write(fd, content)
    os.close(fd)
    handle: int = answer["handle"]
    return handle


def test_nothing_is_there_before_the_commit(requests: FileRequests, tmp_path: Path) -> None:
    path = tmp_path / "file"
    handle = _create(requests, path, b"new")
    assert not path.exists()
    assert [child.stat().st_mode & 0o777 for child in tmp_path.iterdir()] == [0o600]
    requests.operations["commit"]({"handle": handle}, [])
    assert path.read_bytes() == b"new"
    assert [child.name for child in tmp_path.iterdir()] == ["file"]
    with pytest.raises(KeyError):
        requests.operations["commit"]({"handle": handle}, [])


def test_a_file_keeps_its_mode_unless_another_is_asked_for(requests: FileRequests, tmp_path: Path) -> None:
    path = tmp_path / "file"
    for asked, expected in ((None, 0o644), (0o750, 0o750), (None, 0o750), (0o4755, 0o4755)):
        requests.operations["commit"]({"handle": _create(requests, path, b"x", asked)}, [])
        assert path.stat().st_mode & 0o7777 == expected


def test_what_is_discarded_leaves_nothing(requests: FileRequests, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    handle = _create(requests, tmp_path / "a", b"x")
    _create(requests, tmp_path / "b", b"x")
    requests.operations["discard"]({"handle": handle}, [])
    requests.discard_all()
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_commit_that_fails_leaves_nothing(requests: FileRequests, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    handle = _create(requests, tmp_path / "file", b"x")
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        requests.operations["commit"]({"handle": handle}, [])
    assert [child.name for child in tmp_path.iterdir()] == ["file"]
    assert len(os.listdir("/proc/self/fd")) == before


def test_only_so_many_writes_are_unfinished_at_once(
    requests: FileRequests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest_files, "MAX_UNFINISHED_WRITES", 3)
    handles = [_create(requests, tmp_path / str(number), b"") for number in range(3)]
    with pytest.raises(OSError, match=f"Errno {errno.EMFILE}"):
        _create(requests, tmp_path / "one more", b"")
    requests.operations["discard"]({"handle": handles[0]}, [])
    _create(requests, tmp_path / "one more", b"")


def test_stat(requests: FileRequests, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("nowhere")

    def stat(name: str) -> object:
        return requests.operations["stat"]({"path": str(tmp_path / name)}, []).get("kind")

    assert [stat(name) for name in ("file", ".", "fifo", "link", "none", "file/x")] == [
        "file",
        "directory",
        "other",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize("path", ["/dev/null", "/proc/self/status", "/proc/version"])
def test_only_regular_files_outside_proc_are_handed_out(requests: FileRequests, path: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    fds: list[int] = []
    with pytest.raises(PermissionError):
        requests.operations["open"]({"path": path}, fds)
    assert fds == []
    assert len(os.listdir("/proc/self/fd")) == before
