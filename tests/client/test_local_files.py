"""Files and folders of the client's own machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.test_unpack import ESCAPES, entry
from archive.trees import fd_count, look, make_tree
from hatchway.archive import writer
from hatchway.archive.member import Member
from hatchway.client.file_answers import Transferred
from hatchway.client.local_files import NewFile, PackedFolder, UnpackedFolder, look_at, read_pieces
from hatchway.errors import Conflict, HatchwayError, NotFound


@pytest.fixture(autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    before = fd_count()
    umask = os.umask(0o022)
    yield
    os.umask(umask)
    assert fd_count() == before


def unpack(data: bytes, target: Path) -> Transferred:
    folder = UnpackedFolder(target)
    try:
        for start in range(0, len(data), 1000):
            folder.feed(data[start : start + 1000])
        folder.finish()
        return folder.so_far
    finally:
        folder.close()
        folder.close()


def code_of(data: bytes, target: Path) -> str:
    with pytest.raises(HatchwayError) as caught:
        unpack(data, target)
    return caught.value.code


def test_a_folder_there_and_back(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    make_tree(source)
    os.mkfifo(source / "fifo")
    found = look_at(source)
    folder = PackedFolder(source)
    data = b"".join(folder.pieces())
    folder.close()
    folder.close()
    (source / "fifo").unlink()
    files = [content for kind, _, content in look(source).values() if kind == "file"]
    size = sum(len(content) for content in files if isinstance(content, bytes))
    assert (found.is_folder, found.size) == (True, size)
    assert folder.so_far == Transferred(len(files), size, 1)
    # What was left out on the way in is told of on the way out.
    assert unpack(data, target) == Transferred(len(files), size, 1)
    assert look(target) == look(source)
    assert sorted(os.listdir(tmp_path)) == ["source", "target"]


def test_a_file_there_and_back(tmp_path: Path) -> None:
    content = os.urandom(600_000)
    (tmp_path / "f").write_bytes(content)
    (tmp_path / "f").chmod(0o4754)
    found = look_at(tmp_path / "f")
    assert found == (False, 600_000, 0o4754)
    (tmp_path / "g").symlink_to("f")
    new = NewFile(tmp_path / "g", found.mode)
    for piece in read_pieces(tmp_path / "f"):
        new.write(piece)
        assert (tmp_path / "g").is_symlink()  # until all of it is there
    new.finish()
    new.close()
    assert not (tmp_path / "g").is_symlink()
    assert (tmp_path / "g").read_bytes() == content
    assert (tmp_path / "g").stat().st_mode & 0o7777 == 0o754


def test_what_is_unfinished_goes_away(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    new = NewFile(tmp_path / "f", 0o644)
    new.write(b"new")
    new.close()
    assert look(tmp_path) == {b"f": ("file", 0o644, b"old")}
    assert code_of(entry(b"a", content=b"x" * 5000)[:3000], tmp_path / "t") == "archive_cut_short"
    assert os.listdir(tmp_path) == ["f"]
    folder = PackedFolder(tmp_path)
    next(folder.pieces())
    folder.close()


@pytest.mark.parametrize("data", ESCAPES.values(), ids=ESCAPES)
def test_a_hostile_archive_leaves_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    assert code_of(data + writer.END, tmp_path / "t") == "invalid_archive"
    assert look(tmp_path) == {b"secret": ("file", 0o644, b"secret")}


def test_a_hostile_archive_changes_nothing_beside_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    target = tmp_path / "t"
    target.mkdir()
    (target / "link").symlink_to(outside)
    (target / "kept").write_bytes(b"kept")
    assert code_of(entry(b"link/evil", content=b"x") + writer.END, target) == "local_file_failed"
    data = entry(b"new", "symlink", target=str(outside).encode()) + entry(b"new/evil", content=b"x")
    assert unpack(data + writer.END, target).skipped == 1
    assert look(outside) == {}
    assert (target / "kept").read_bytes() == b"kept"
    assert (target / "new").is_dir()
    assert not (target / "new").is_symlink()


def test_noise_is_no_archive(tmp_path: Path) -> None:
    assert code_of(os.urandom(5000), tmp_path / "t") == "invalid_archive"
    assert code_of(b"", tmp_path / "t") == "archive_cut_short"
    assert os.listdir(tmp_path) == []


def test_a_folder_takes_no_name_that_somebody_else_took(tmp_path: Path) -> None:
    folder = UnpackedFolder(tmp_path / "t")
    folder.feed(entry(b"a", content=b"x") + writer.END)
    (tmp_path / "t").write_bytes(b"somebody's")
    with pytest.raises(HatchwayError):
        folder.finish()
    folder.close()
    assert look(tmp_path) == {b"t": ("file", 0o644, b"somebody's")}


def test_the_mode_of_a_new_folder(tmp_path: Path) -> None:
    itself = writer.header(Member(b".", "directory", mode=0o7750), b"skipped=0")
    unpack(itself + writer.END, tmp_path / "t")
    assert (tmp_path / "t").stat().st_mode & 0o7777 == 0o750


def test_what_cannot_be_read_is_named_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root reads whatever its mode: so the refusal is played.
    make_tree(tmp_path / "t")
    real = os.access

    def refusing(path: str, mode: int, **others: object) -> bool:
        return path != "private" and real(path, mode, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "access", refusing)
    with pytest.raises(Conflict) as caught:
        look_at(tmp_path / "t")
    assert caught.value.code == "local_file_not_permitted"
    assert str(tmp_path / "t/private") in caught.value.message


def test_a_file_that_goes_away_or_shrinks_while_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(3_000_000))
    folder = PackedFolder(tmp_path)
    pieces = folder.pieces()
    next(pieces)
    os.truncate(tmp_path / "big", 10)
    with pytest.raises(Conflict) as caught:
        list(pieces)
    assert (caught.value.code, "big" in caught.value.message) == ("file_changed", True)
    folder.close()


def test_local_trouble(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotFound) as missing:
        look_at(tmp_path / "none")
    assert missing.value.code == "local_file_not_found"
    with pytest.raises(Conflict) as special:
        look_at(tmp_path / "fifo")
    assert special.value.code == "not_a_regular_file"
    for make, code in (
        (lambda: NewFile(tmp_path / "none/f", 0o644), "local_file_not_found"),
        (lambda: NewFile(tmp_path, 0o644), "local_file_failed"),
        (lambda: UnpackedFolder(tmp_path / "none/t"), "local_file_not_found"),
        (lambda: UnpackedFolder(tmp_path / "file"), "local_file_failed"),
        (lambda: UnpackedFolder(tmp_path / "file/t"), "local_file_failed"),
    ):
        with pytest.raises(HatchwayError) as caught:
            make()
        assert caught.value.code == code
    assert sorted(os.listdir(tmp_path)) == ["fifo", "file"]


def test_odd_names_can_be_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        look_at(tmp_path / os.fsdecode(b"\xff"))
    # A message goes to terminals and into JSON: it must be text.
    caught.value.message.encode()
