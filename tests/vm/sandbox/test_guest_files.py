"""The file requests of guest init on this host's files; inside VMs they are tested in vm/test_files.py."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.trees import fd_count, look
from hatchway.vm.sandbox import guest_files
from hatchway.vm.sandbox.guest_files import FileRequests
from hatchway.vm.sandbox.guest_worker import Workers
from hatchway.vm.sandbox.wire import Message


@pytest.fixture
def requests() -> Iterator[FileRequests]:
    requests = FileRequests(Workers())
    yield requests
    requests.discard_all()


def _create(requests: FileRequests, path: Path, content: bytes, mode: int | None = None) -> int:
    """Write a file up to its commit; its handle."""
    fds: list[int] = []
    answer = requests.operations["create"]({"path": str(path), "mode": mode, "parents": False}, fds)
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


def ask(requests: FileRequests, op: str, **fields: object) -> Message:
    """The answer to a request that needs no worker."""
    fds: list[int] = []
    before = fd_count()
    answer = requests.operations[op](fields, fds)
    assert fds == []
    assert fd_count() == before
    return answer


def refused(requests: FileRequests, op: str, **fields: object) -> tuple[int | None, str | None]:
    """The errno and the word that a request is refused with."""
    before = fd_count()
    with pytest.raises(OSError) as caught:
        requests.operations[op](fields, [])
    error = (caught.value.errno, caught.value.strerror)
    assert fd_count() == before
    return error


def test_stat(requests: FileRequests, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "file").chmod(0o4711)
    os.utime(tmp_path / "file", ns=(0, 1_234_567_890_123_456_789))
    os.mkfifo(tmp_path / "fifo")
    os.symlink(b"file", os.fsencode(tmp_path / "link"))
    os.symlink(b"no\xff\nwhere", os.fsencode(tmp_path / "dangling"))

    def stat(name: str, follow: bool = True) -> Message:
        return ask(requests, "stat", path=str(tmp_path / name), follow=follow)

    expected = {"kind": "file", "size": 5, "mode": 0o4711, "uid": os.geteuid(), "gid": os.getegid()}
    assert stat("file") == stat("link") == {**expected, "mtime_ns": 1_234_567_890_123_456_789, "target": None}
    assert [stat(name)["kind"] for name in (".", "fifo")] == ["directory", "other"]
    link = stat("link", follow=False)
    assert (link["kind"], link["size"], link["target"]) == ("symlink", 4, "file")
    assert stat("dangling", follow=False)["target"] == "no\xff\nwhere"
    for name, number in (("dangling", errno.ENOENT), ("none", errno.ENOENT), ("file/x", errno.ENOTDIR)):
        assert refused(requests, "stat", path=str(tmp_path / name), follow=True)[0] == number


def test_links_of_the_kernel_lead_nowhere(requests: FileRequests) -> None:
    for path in ("/proc/self/exe", "/proc/self/root", "/proc/self/cwd", "/proc/self/fd/0"):
        assert refused(requests, "stat", path=path, follow=True)[0] == errno.ELOOP
        answer = ask(requests, "stat", path=path, follow=False)
        assert (answer["kind"], answer["target"]) == ("symlink", None)
        for op in ("list", "archive", "delete", "mkdir"):
            below: dict[str, object] = {
                "path": path + "/x",
                "max_depth": None,
                "exclude": [],
                "recursive": True,
                "mode": None,
            }
            assert refused(requests, op, **below)[0] in {errno.ELOOP, errno.EEXIST}


def test_mkdir(requests: FileRequests, tmp_path: Path) -> None:
    def mkdir(name: str, *, recursive: bool = False, mode: int | None = None) -> None:
        ask(requests, "mkdir", path=str(tmp_path / name), recursive=recursive, mode=mode)

    mkdir("plain")
    mkdir("open", mode=0o1777)
    mkdir("closed/", mode=0)
    mkdir("a/b/./c//", recursive=True, mode=0o700)
    mkdir("a/b/c", recursive=True, mode=0o711)  # it is there: its mode stays
    (tmp_path / "link").symlink_to("a")
    mkdir("link/d/e", recursive=True)
    mkdir("link/f")
    modes = {
        name: (tmp_path / name).stat().st_mode & 0o7777
        for name in ("plain", "open", "closed", "a/b", "a/b/c")
    }
    assert modes == {"plain": 0o755, "open": 0o1777, "closed": 0, "a/b": 0o755, "a/b/c": 0o700}
    assert (tmp_path / "a/d/e").is_dir()
    assert (tmp_path / "a/f").is_dir()


def test_mkdir_where_something_is(requests: FileRequests, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    taken = (errno.EEXIST, "exists")

    def mkdir(name: str, recursive: bool) -> tuple[int | None, str | None]:
        return refused(requests, "mkdir", path=str(tmp_path / name), recursive=recursive, mode=None)

    for name in ("file", "folder", "dangling"):
        assert mkdir(name, False) == taken
    for name in ("file", "file/below"):
        assert mkdir(name, True) == taken
    assert refused(requests, "mkdir", path="/", recursive=False, mode=None) == taken
    assert ask(requests, "mkdir", path="/", recursive=True, mode=None) == {}
    assert mkdir("none/below", False)[0] == errno.ENOENT
    assert mkdir("file/below", False)[0] == errno.ENOTDIR
    assert mkdir("dangling/below", True)[0] == errno.ENOENT


def test_a_file_with_its_folders(requests: FileRequests, tmp_path: Path) -> None:
    path = tmp_path / "a/b/file"
    fds: list[int] = []
    answer = requests.operations["create"]({"path": str(path), "mode": None, "parents": True}, fds)
    os.close(fds[0])
    requests.operations["commit"]({"handle": answer["handle"]}, [])
    assert path.read_bytes() == b""
    below = {"path": str(path / "x"), "mode": None, "parents": True}
    assert refused(requests, "create", **below)[0] == errno.ENOTDIR


def test_move(requests: FileRequests, tmp_path: Path) -> None:
    def move(source: str, target: str) -> None:
        ask(requests, "move", source=str(tmp_path / source), target=str(tmp_path / target))

    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    (tmp_path / "full/inner").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    move("a", "b")
    assert (tmp_path / "b").read_bytes() == b"a"
    move("link", "b")
    assert os.readlink(tmp_path / "b") == "nowhere"
    move("full/", "empty/")
    assert os.listdir(tmp_path / "empty") == ["inner"]
    assert sorted(os.listdir(tmp_path)) == ["b", "empty"]


@pytest.mark.parametrize(
    ("source", "target", "number", "what"),
    [
        ("none", "x", errno.ENOENT, None),
        ("file", "none/x", errno.ENOENT, None),
        ("file", "folder", errno.EISDIR, "move"),
        ("file", "x/", errno.ENOTDIR, "move"),
        ("file/", "x", errno.ENOTDIR, None),
        ("folder", "file", errno.ENOTDIR, "move"),
        ("folder", "full", errno.ENOTEMPTY, "move"),
        ("full", "full/inner/x", errno.EINVAL, "move"),
        ("file", "file/x", errno.ENOTDIR, None),
    ],
)
def test_what_cannot_be_moved(
    requests: FileRequests, tmp_path: Path, source: str, target: str, number: int, what: str | None
) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "full/inner").mkdir(parents=True)
    before = look(tmp_path)
    error = refused(requests, "move", source=f"{tmp_path}/{source}", target=f"{tmp_path}/{target}")
    assert error[0] == number
    if what is not None:
        assert error[1] == what
    assert look(tmp_path) == before


def test_delete(requests: FileRequests, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "full/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("full")

    def delete(name: str) -> None:
        ask(requests, "delete", path=f"{tmp_path}/{name}", recursive=False)

    for name, number in (
        ("none", errno.ENOENT),
        ("file/", errno.ENOTDIR),
        ("link/", errno.ENOTDIR),
        ("full", errno.ENOTEMPTY),
    ):
        assert refused(requests, "delete", path=f"{tmp_path}/{name}", recursive=False)[0] == number
    for name in ("file", "folder/", "link", "full/inner/."):
        delete(name)
    assert os.listdir(tmp_path) == ["full"]
    assert refused(requests, "delete", path="/", recursive=True)[0] == errno.EBUSY


def test_what_is_no_folder_is_not_listed(requests: FileRequests, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "fifo")
    for path, error in (
        (f"{tmp_path}/file", (errno.ENOTDIR, "folder")),
        (f"{tmp_path}/fifo", (errno.ENOTDIR, "folder")),
        ("/dev/null", (errno.ENOTDIR, "folder")),
        ("/proc", (errno.EACCES, "kind")),
        ("/proc/self/task", (errno.EACCES, "kind")),
    ):
        assert refused(requests, "list", path=path, max_depth=None, exclude=[]) == error
    for path in (f"{tmp_path}/fifo", "/dev/null", "/proc", "/proc/version"):
        assert refused(requests, "archive", path=path) == (errno.EACCES, "kind")
    for path in ("/proc", "/proc/self/task"):
        assert refused(requests, "unpack", path=path) == (errno.EACCES, "kind")


@pytest.mark.parametrize("path", ["/dev/null", "/proc/self/status", "/proc/version"])
def test_only_regular_files_outside_proc_are_handed_out(requests: FileRequests, path: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    fds: list[int] = []
    with pytest.raises(PermissionError):
        requests.operations["open"]({"path": path}, fds)
    assert fds == []
    assert len(os.listdir("/proc/self/fd")) == before
