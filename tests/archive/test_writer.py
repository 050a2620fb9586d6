"""Entries as the bytes of an archive, as the standard library's `tarfile` and our own reader understand them."""

from __future__ import annotations

import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from archive.test_reader import names, read
from hatchway.archive import writer
from hatchway.archive.member import Member, MemberKind

KINDS: tuple[MemberKind, ...] = ("file", "directory", "symlink", "hardlink")


@st.composite
def members(draw: st.DrawFn) -> tuple[Member, bytes]:
    kind = draw(st.sampled_from(KINDS))
    content = draw(st.binary(max_size=1500)) if kind == "file" else b""
    member = Member(
        draw(names),
        kind,
        len(content),
        draw(st.integers(0, 0o7777)),
        draw(st.integers(-(2**40), 2**40)),
        draw(names) if kind in {"symlink", "hardlink"} else b"",
    )
    return member, content


@given(st.lists(members(), max_size=5), st.sampled_from([None, 1, 512, 1000]))
def test_what_is_written_is_read(entries: list[tuple[Member, bytes]], step: int | None) -> None:
    data = b"".join(
        writer.header(member) + content + writer.padding(len(content)) for member, content in entries
    )
    assert len(data) % writer.BLOCK_BYTES == 0
    assert read(data + writer.END, step) == entries
    with tarfile.open(fileobj=io.BytesIO(data + writer.END), errors="surrogateescape") as archive:
        for (member, content), info in zip(entries, archive.getmembers(), strict=True):
            assert info.name.encode(errors="surrogateescape") == member.name
            assert info.linkname.encode(errors="surrogateescape") == member.target
            assert (info.mode, info.mtime, info.size) == (member.mode, member.mtime, len(content))
            assert (info.uid, info.gid, info.uname, info.gname) == (0, 0, "", "")
            if member.kind == "file":
                file = archive.extractfile(info)
                assert file is not None
                assert file.read() == content
            assert {
                "file": info.isreg(),
                "directory": info.isdir(),
                "symlink": info.issym(),
                "hardlink": info.islnk(),
            }[member.kind]


@given(st.integers(0, 3000))
def test_a_records_length_counts_itself(length: int) -> None:
    member = Member(b"a" * length or b"a", "file")
    assert read(writer.header(member, b"comment") + writer.END)[0][0] == member
