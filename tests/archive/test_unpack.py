"""Archives into folders: what is whole comes out whole, and nothing of a hostile one leaves its folder."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.test_pack import pack
from archive.trees import TIME, fd_count, look, make_tree, opened
from hatchway.archive import writer
from hatchway.archive.member import ArchiveError, Member, MemberKind
from hatchway.archive.unpack import OF_OWNER, OF_STRANGER, Rules, Unpacking


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def unpack(data: bytes, target: Path, rules: Rules, *, step: int = 10_000, is_new: bool = False) -> Unpacking:
    target.mkdir(exist_ok=True)
    before = fd_count()
    with opened(target) as root:
        unpacking = Unpacking(root, rules, is_new=is_new)
        try:
            for start in range(0, len(data), step):
                unpacking.feed(data[start : start + step])
            unpacking.finish()
        finally:
            unpacking.close()
            unpacking.close()
    assert fd_count() == before
    assert not [name for name in look(target) if b".hatchway-" in name]
    return unpacking


def entry(
    name: bytes, kind: MemberKind = "file", content: bytes = b"", target: bytes = b"", mode: int = 0o644
) -> bytes:
    member = Member(name, kind, len(content), mode, TIME, target)
    return writer.header(member) + content + writer.padding(len(content))


@pytest.mark.parametrize("step", [1000, 512, 1_000_000])
@pytest.mark.parametrize("rules", [OF_OWNER, OF_STRANGER], ids=["owner", "stranger"])
def test_there_and_back(tmp_path: Path, rules: Rules, step: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    make_tree(source)
    unpacking = unpack(pack(source), target, rules, step=step)
    found = look(source)
    assert look(target) == found
    assert unpacking.files == sum(kind == "file" for kind, _, _ in found.values())
    assert unpacking.size == sum(
        len(content) for kind, _, content in found.values() if kind == "file" and isinstance(content, bytes)
    )
    assert (target / "script.sh").stat().st_mtime == TIME
    assert (unpacking.skipped, unpacking.left_out) == (0, 0)


def test_byte_by_byte(tmp_path: Path) -> None:
    data = entry(b"a/b", content=b"text") + entry(b"l", "symlink", target=b"a") + writer.END
    unpacking = unpack(data, tmp_path / "t", OF_STRANGER, step=1)
    assert look(tmp_path / "t") == {
        b"a": ("directory", 0o755, None),
        b"a/b": ("file", 0o644, b"text"),
        b"l": ("symlink", 0, b"a"),
    }
    assert (unpacking.entries, unpacking.files, unpacking.size) == (2, 1, 4)


def test_times_and_modes_of_folders(tmp_path: Path) -> None:
    data = entry(b"sealed", "directory", mode=0o555) + entry(b"sealed/inner", "directory", mode=0o500)
    data += entry(b"sealed/inner/file", content=b"x") + entry(b".", "directory", mode=0o711) + writer.END
    unpack(data, tmp_path / "new", OF_STRANGER, is_new=True)
    unpack(data, tmp_path / "old", OF_STRANGER)
    for folder, expected in (("new", 0o711), ("old", 0o755)):
        root = tmp_path / folder
        assert stat.S_IMODE(root.stat().st_mode) == expected
        assert stat.S_IMODE((root / "sealed").stat().st_mode) == 0o555
        assert (root / "sealed").stat().st_mtime == TIME
        assert (root / "sealed/inner").stat().st_mtime == TIME
    (tmp_path / "new/sealed").chmod(0o700)


def test_a_folder_named_after_what_is_in_it(tmp_path: Path) -> None:
    data = entry(b"a/b/c", content=b"x") + entry(b"a", "directory", mode=0o700) + writer.END
    unpack(data, tmp_path / "t", OF_OWNER)
    assert stat.S_IMODE((tmp_path / "t/a").stat().st_mode) == 0o700


def test_into_a_folder_with_something_in_it(tmp_path: Path) -> None:
    target = tmp_path / "t"
    (target / "kept").mkdir(parents=True)
    (target / "kept").chmod(0o750)
    (target / "kept/file").write_bytes(b"old")
    (target / "kept/other").write_bytes(b"other")
    (target / "link").symlink_to("/nowhere")
    data = entry(b"kept", "directory", mode=0o700) + entry(b"kept/file", content=b"new")
    unpack(data + entry(b"link", content=b"file now") + writer.END, target, OF_STRANGER)
    assert look(target) == {
        b"kept": ("directory", 0o750, None),
        b"kept/file": ("file", 0o644, b"new"),
        b"kept/other": ("file", 0o644, b"other"),
        b"link": ("file", 0o644, b"file now"),
    }


@pytest.mark.parametrize("rules", [OF_OWNER, OF_STRANGER], ids=["owner", "stranger"])
@pytest.mark.parametrize(
    ("made", "entries"),
    [
        ("file", entry(b"x", "directory")),
        ("file", entry(b"x/y", content=b"1")),
        ("directory", entry(b"x", content=b"1")),
        ("directory", entry(b"x", "symlink", target=b"y")),
        ("symlink", entry(b"x", "directory")),
        ("symlink", entry(b"x/y", content=b"1")),
        ("symlink", entry(b"x/y", "directory")),
        ("symlink", entry(b"x/y", "symlink", target=b"z")),
        ("symlink", entry(b"x/y/z", content=b"1")),
    ],
)
def test_a_folder_replaces_no_file_and_a_file_no_folder(
    tmp_path: Path, made: str, entries: bytes, rules: Rules
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    target = tmp_path / "t"
    target.mkdir()
    if made == "file":
        (target / "x").write_bytes(b"old")
    elif made == "directory":
        (target / "x/inner").mkdir(parents=True)
    else:
        (target / "x").symlink_to(outside)
    before = look(target)
    with pytest.raises(OSError):
        unpack(entries + writer.END, target, rules)
    assert look(target) == before
    assert look(outside) == {}


# -- hostile archives

ESCAPES = {
    "up": entry(b"../evil", content=b"x"),
    "up from below": entry(b"a/../../evil", content=b"x"),
    "up as a folder": entry(b"../evil", "directory"),
    "absolute": entry(b"/tmp/evil", content=b"x"),
    "itself as a file": entry(b".", content=b"x"),
    "itself as a link": entry(b"./", "symlink", target=b"/"),
    "no name": entry(b"", content=b"x"),
    "hard link out": entry(b"evil", "hardlink", target=b"../secret"),
    "absolute hard link": entry(b"evil", "hardlink", target=b"/etc/passwd"),
    "hard link inside": entry(b"a", content=b"x") + entry(b"b", "hardlink", target=b"a"),
}


@pytest.mark.parametrize("data", ESCAPES.values(), ids=ESCAPES)
def test_what_a_strangers_archive_may_not_hold(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    before = set(os.listdir(tmp_path)) | {"t"}
    with pytest.raises(ArchiveError) as caught:
        unpack(data + writer.END, tmp_path / "t", OF_STRANGER)
    assert caught.value.code == "invalid_archive"
    assert set(os.listdir(tmp_path)) == before
    assert not os.path.lexists("/tmp/evil")


LINKS_OUT = [b"/etc", b"..", b"../secret", b"a/../../secret", b"../../t/../secret", b"", b"/"]


@pytest.mark.parametrize("target", LINKS_OUT)
def test_links_out_are_left_out(tmp_path: Path, target: bytes) -> None:
    data = entry(b"link", "symlink", target=target) + entry(b"link/evil", content=b"x") + writer.END
    (tmp_path / "secret").mkdir()
    unpacking = unpack(data, tmp_path / "t", OF_STRANGER)
    assert unpacking.skipped == 1
    assert look(tmp_path / "t") == {
        b"link": ("directory", 0o755, None),  # made for the file below it
        b"link/evil": ("file", 0o644, b"x"),
    }
    assert look(tmp_path / "secret") == {}


def test_a_file_through_a_link_is_refused(tmp_path: Path) -> None:
    data = entry(b"real", "directory") + entry(b"link", "symlink", target=b"real")
    with pytest.raises(OSError):
        unpack(data + entry(b"link/evil", content=b"x") + writer.END, tmp_path / "t", OF_STRANGER)
    assert b"real/evil" not in look(tmp_path / "t")


def test_special_files_and_bits_are_left_out(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("device")
            info.type = kind
            info.devmajor, info.devminor = 1, 3
            archive.addfile(info)
        info = tarfile.TarInfo("suid")
        info.mode = 0o6777
        info.uid = info.gid = 12345
        archive.addfile(info)
    unpacking = unpack(buffer.getvalue(), tmp_path / "t", OF_STRANGER)
    assert unpacking.skipped == 3
    assert look(tmp_path / "t") == {b"suid": ("file", 0o755, b"")}
    assert (tmp_path / "t/suid").stat().st_uid == os.geteuid()
    unpack(buffer.getvalue(), tmp_path / "owner", OF_OWNER)
    assert stat.S_IMODE((tmp_path / "owner/suid").stat().st_mode) == 0o6777


def test_the_same_name_again_and_again(tmp_path: Path) -> None:
    data = entry(b"x", content=b"first") + entry(b"x", "symlink", target=b"y") + entry(b"x", content=b"last")
    unpack(data + writer.END, tmp_path / "t", OF_STRANGER)
    assert look(tmp_path / "t") == {b"x": ("file", 0o644, b"last")}


def test_hard_links_of_an_owner(tmp_path: Path) -> None:
    data = entry(b"d/a", content=b"x") + entry(b"b", "hardlink", target=b"./d/a")
    data += entry(b"b", "hardlink", target=b"d/a") + entry(b"b", "hardlink", target=b"b") + writer.END
    unpack(data, tmp_path / "t", OF_OWNER)
    assert (tmp_path / "t/b").samefile(tmp_path / "t/d/a")
    (tmp_path / "outside").write_bytes(b"x")
    (tmp_path / "t/out").symlink_to(tmp_path)
    with pytest.raises(OSError):
        unpack(entry(b"c", "hardlink", target=b"out/outside") + writer.END, tmp_path / "t", OF_OWNER)
    for target in (b"../outside", b"."):
        with pytest.raises(ArchiveError):
            unpack(entry(b"c", "hardlink", target=target) + writer.END, tmp_path / "t", OF_OWNER)


def test_an_owners_absolute_names_and_links_out(tmp_path: Path) -> None:
    data = entry(b"/etc/x", content=b"x") + entry(b"l", "symlink", target=b"/etc") + writer.END
    unpack(data, tmp_path / "t", OF_OWNER)
    assert look(tmp_path / "t") == {
        b"etc": ("directory", 0o755, None),
        b"etc/x": ("file", 0o644, b"x"),
        b"l": ("symlink", 0, b"/etc"),
    }


@pytest.mark.parametrize("cut", [0, 100, 512, 600, 1100])
def test_a_cut_archive_leaves_what_was_whole(tmp_path: Path, cut: int) -> None:
    first = entry(b"first", content=b"x")
    data = first + entry(b"second", content=b"y" * 600) + writer.END
    with pytest.raises(ArchiveError) as caught:
        unpack(data[: len(first) + cut], tmp_path / "t", OF_STRANGER)
    assert caught.value.code == "archive_cut_short"
    assert look(tmp_path / "t") == {b"first": ("file", 0o644, b"x")}


def test_a_strange_count_of_what_was_left_out(tmp_path: Path) -> None:
    itself = Member(b".", "directory")
    for comment, expected in ((b"skipped=7", 7), (b"skipped=x", 0), (b"skipped=" + b"9" * 50, 0), (b"", 0)):
        unpacking = unpack(writer.header(itself, comment) + writer.END, tmp_path / "t", OF_STRANGER)
        assert unpacking.left_out == expected


_names = st.lists(st.sampled_from([b"a", b"b", b"..", b"."]), min_size=1, max_size=3).map(b"/".join)
_entries = st.tuples(
    st.sampled_from(["file", "directory", "symlink", "hardlink"]),
    _names,
    st.one_of(_names, st.sampled_from([b"/", b"/etc", b"../secret"])),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_entries, max_size=8))
def test_nothing_leaves_the_folder(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[MemberKind, bytes, bytes]]
) -> None:
    base = tmp_path_factory.mktemp("hostile")
    (base / "secret").mkdir()
    (base / "secret/file").write_bytes(b"secret")
    target = base / "t"
    data = b"".join(
        entry(name, kind, b"content" if kind == "file" else b"", where if "link" in kind else b"")
        for kind, name, where in entries
    )
    try:
        unpack(data + writer.END, target, OF_STRANGER)
    except (ArchiveError, OSError):
        pass
    assert look(base / "secret") == {b"file": ("file", 0o644, b"secret")}
    assert sorted(os.listdir(base)) == ["secret", "t"]
    for path, (kind, _, content) in look(target).items():
        if kind == "symlink":
            real = Path(os.path.realpath(os.path.join(os.fsencode(target), path).decode()))
            assert real == target or target in real.parents
        elif kind == "file":
            assert content == b"content"
