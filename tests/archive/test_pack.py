"""Folders as archives, as other programs understand them, and while somebody changes the folder."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import tarfile
from pathlib import Path

import pytest

from archive.trees import TIME, fd_count, look, make_tree, opened
from hatchway.archive.pack import PIECE_BYTES, FileShrank, Packing


def pack(path: Path, packing: Packing | None = None) -> bytes:
    with opened(path) as root:
        return b"".join((packing or Packing()).folder(root))


def test_gnu_tar_unpacks_it(tmp_path: Path) -> None:
    if shutil.which("tar") is None:
        pytest.skip("this machine has no tar")
    source, target = tmp_path / "source", tmp_path / "target"
    make_tree(source)
    target.mkdir()
    ran = subprocess.run(
        ["tar", "-x", "-C", str(target)], input=pack(source), capture_output=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert look(target) == look(source)
    assert (target / "script.sh").stat().st_mtime == TIME


def test_tarfile_reads_it(tmp_path: Path) -> None:
    make_tree(tmp_path)
    with tarfile.open(fileobj=io.BytesIO(pack(tmp_path))) as archive:
        names = [os.fsencode(name) for name in archive.getnames()]
    assert sorted(names) == sorted([*look(tmp_path), b"."])
    assert names[-1] == b"."


def test_what_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(bytes(1_000_000))
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
    packing = Packing()
    data = pack(tmp_path, packing)
    assert (packing.files, packing.size, packing.skipped) == (2, 1_000_005, 2)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getmembers()[-1].pax_headers["comment"] == "skipped=2"


def test_one_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"content")
    with open(tmp_path / "x", "rb") as file:
        data = b"".join(Packing().file(file.fileno(), b"name"))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["name"]
        member = archive.extractfile("name")
        assert member is not None
        assert member.read() == b"content"


def test_pieces_are_bounded(tmp_path: Path) -> None:
    with open(tmp_path / "big", "wb") as file:
        file.truncate(20_000_000)
    for number in range(3000):
        (tmp_path / str(number)).write_bytes(b"x" * 100)
    with opened(tmp_path) as root:
        assert max(map(len, Packing().folder(root))) <= 2 * PIECE_BYTES + 2048


def test_a_file_that_shrinks_breaks_it_off(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(bytes(4 * PIECE_BYTES))
    with opened(tmp_path) as root:
        before = fd_count()
        pieces = Packing().folder(root)
        next(pieces)
        os.truncate(big, PIECE_BYTES)
        with pytest.raises(FileShrank) as caught:
            list(pieces)
        assert caught.value.path == b"big"
        del pieces, caught
        assert fd_count() == before


def test_a_file_that_grows_is_packed_as_it_was(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(bytes(4 * PIECE_BYTES))
    with opened(tmp_path) as root:
        pieces = Packing().folder(root)
        data = next(pieces)
        with open(big, "ab") as file:
            file.write(b"more")
        data += b"".join(pieces)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getmember("big").size == 4 * PIECE_BYTES


def test_files_that_become_something_else_meanwhile(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"secret")
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(PIECE_BYTES // 512 + 100):  # more than one piece of headers alone
        (folder / f"{number}").write_bytes(b"")
    with opened(folder) as root:
        pieces = Packing().folder(root)
        data = next(pieces)
        for number, path in enumerate(list(folder.iterdir())):
            path.unlink()
            if number % 3 == 0:
                path.symlink_to(outside)
            elif number % 3 == 1:
                os.mkfifo(path)
        data += b"".join(pieces)
    assert b"secret" not in data
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert "." in archive.getnames()


def test_what_cannot_be_read_is_told_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root reads whatever its mode: so the refusal is played.
    (tmp_path / "good").write_bytes(b"x")
    (tmp_path / "bad").write_bytes(b"x")
    real = os.open

    def refusing(path: str, flags: int, *rest: int, **others: int) -> int:
        if path == "bad":
            raise PermissionError(13, "no")
        return real(path, flags, *rest, **others)

    monkeypatch.setattr(os, "open", refusing)
    told: list[tuple[bytes, OSError]] = []
    packing = Packing(on_unreadable=lambda path, error: told.append((path, error)))
    with tarfile.open(fileobj=io.BytesIO(pack(tmp_path, packing))) as archive:
        assert sorted(archive.getnames()) == [".", "good"]
    assert [path for path, _ in told] == [b"bad"]
    assert packing.skipped == 1
