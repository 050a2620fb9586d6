"""Archives as entries, held against the standard library's `tarfile`, whole and in pieces."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hatchway.archive import writer
from hatchway.archive.member import ArchiveError, Member
from hatchway.archive.reader import MAX_EXTENDED_BYTES, ArchiveReader

FORMATS = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT, "ustar": tarfile.USTAR_FORMAT}


def read(data: bytes, step: int | None = None) -> list[tuple[Member, bytes]]:
    """The entries of an archive and their content, read in pieces of `step` bytes."""
    reader = ArchiveReader()
    found: list[tuple[Member, bytes]] = []
    step = step or len(data) or 1
    for start in range(0, len(data), step):
        for event in reader.feed(data[start : start + step]):
            if isinstance(event, Member):
                found.append((event, b""))
            elif isinstance(event, bytes):
                member, content = found[-1]
                found[-1] = (member, content + event)
    reader.close()
    return found


def fault_of(data: bytes) -> str:
    with pytest.raises(ArchiveError) as caught:
        read(data)
    return caught.value.fault


names = st.lists(
    st.binary(min_size=1, max_size=120).filter(
        lambda part: b"/" not in part and b"\0" not in part and part not in {b".", b".."}
    ),
    min_size=1,
    max_size=5,
).map(b"/".join)


@st.composite
def members(draw: st.DrawFn) -> tuple[tarfile.TarInfo, bytes]:
    """An entry as tarfile has it, and its content."""
    info = tarfile.TarInfo(draw(names).decode(errors="surrogateescape"))
    info.type = draw(
        st.sampled_from(
            [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]
        )
    )
    info.mode = draw(st.integers(0, 0o7777))
    info.mtime = draw(st.integers(0, 2**33 - 1))
    content = b""
    if info.type == tarfile.REGTYPE:
        content = draw(st.binary(max_size=1500))
        info.size = len(content)
    if info.type in {tarfile.SYMTYPE, tarfile.LNKTYPE}:
        info.linkname = draw(names).decode(errors="surrogateescape")
    return info, content


KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.FIFOTYPE: "other",
}


@given(
    st.lists(members(), max_size=4),
    st.sampled_from(sorted(FORMATS)),
    st.sampled_from([None, 1, 7, 511, 512, 513]),
)
def test_what_tarfile_writes_is_read(
    entries: list[tuple[tarfile.TarInfo, bytes]], form: str, step: int | None
) -> None:
    buffer = io.BytesIO()
    try:
        with tarfile.open(fileobj=buffer, mode="w", format=FORMATS[form]) as archive:
            for info, content in entries:
                archive.addfile(info, io.BytesIO(content))
    except ValueError:
        return  # a name that this format cannot hold
    found = read(buffer.getvalue(), step)
    expected = [
        (
            Member(
                info.name.encode(errors="surrogateescape"),
                KINDS[info.type],  # type: ignore[arg-type]
                len(content),
                info.mode,
                int(info.mtime),
                info.linkname.encode(errors="surrogateescape"),
            ),
            content,
        )
        for info, content in entries
    ]
    assert found == expected


def plain(name: bytes = b"file", content: bytes = b"x") -> bytes:
    return writer.header(Member(name, "file", len(content))) + content + writer.padding(len(content))


@given(st.binary(max_size=3000), st.integers(1, 700))
@example(b"\x1f\x8b" + b"x" * 600, 1)
def test_anything_is_read_or_refused(data: bytes, step: int) -> None:
    with contextlib.suppress(ArchiveError):
        read(data, step)


@given(st.integers(0, 511), st.binary(min_size=1, max_size=8), st.booleans())
def test_a_header_with_anything_in_it_is_read_or_refused(at: int, noise: bytes, right_sum: bool) -> None:
    block = bytearray(writer.header(Member(b"name", "file", 3)))
    block[at : at + len(noise)] = noise
    block = block[:512]
    if right_sum:
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    with contextlib.suppress(ArchiveError):
        read(bytes(block) + b"abc" + bytes(509) + writer.END)


def test_every_cut_is_noticed() -> None:
    whole = plain(b"n" * 150, b"content" * 100) + plain() + writer.END
    first_zero_block = len(whole) - 512
    for length in range(first_zero_block):
        assert fault_of(whole[:length]) == "cut"
    for length in range(first_zero_block, len(whole) + 1):
        assert len(read(whole[:length])) == 2


def test_what_follows_the_end_is_ignored() -> None:
    assert len(read(plain() + writer.END + b"whatever" * 1000)) == 1


def test_large_numbers() -> None:
    for info in (
        Member(b"a", "file", 2**40),
        Member(b"a", "file", 8**11 - 1),
        Member(b"a", "file", 0, 0, -5),
    ):
        (event,) = ArchiveReader().feed(writer.header(info))
        assert event == info


def test_binary_numbers() -> None:
    for size, mtime in ((2**34, 5), (3, -1), (2**60, 2**50)):
        info = tarfile.TarInfo("a")
        info.size, info.mtime = size, mtime
        (event,) = ArchiveReader().feed(info.tobuf(tarfile.GNU_FORMAT))
        assert isinstance(event, Member)
        assert (event.size, event.mtime) == (size, mtime)


@pytest.mark.parametrize(
    ("records", "fault"),
    [
        (b"5 a=\n", "file"),  # ignored: it says nothing that is known here
        (b"11 size=-1\n", "header"),
        (b"12 size=0x1\n", "header"),
        (b"30 size=99999999999999999999\n", "header"),
        (b"11 mtime=x\n", "header"),
        (b"99 path=x\n", "header"),
        (b"3 =\n", "header"),
        (b"0 a=b\n", "header"),
        (b"6 ab=c\n", "header"),
        (b"path=x\n", "header"),
        (b"22 GNU.sparse.major=1\n", "kind"),
        (b"5018 path=" + b"x" * 5007 + b"\n", "limit"),
    ],
)
def test_records_of_extended_headers(records: bytes, fault: str) -> None:
    extended = writer.header(Member(b"x", "file", len(records)))
    block = bytearray(extended)
    block[156:157] = b"x"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    data = bytes(block) + records + writer.padding(len(records)) + plain() + writer.END
    if fault == "file":
        assert read(data) == [(Member(b"file", "file", 1), b"x")]
    else:
        assert fault_of(data) == fault


@pytest.mark.parametrize(("kind", "fault"), [(b"S", "kind"), (b"D", "kind"), (b"M", "kind")])
def test_kinds_that_are_refused(kind: bytes, fault: str) -> None:
    assert fault_of(_of_type(kind, b"name", 0) + writer.END) == fault


@pytest.mark.parametrize("kind", [b"V", b"Z", b"A", b"3", b"4", b"6"])
def test_other_kinds_are_stepped_over(kind: bytes) -> None:
    content = b"" if kind in b"346" else b"x" * 700
    data = (
        _of_type(kind, b"odd", len(content)) + content + writer.padding(len(content)) + plain() + writer.END
    )
    assert [member.kind for member, _ in read(data)] == ["other", "file"]


def test_an_extended_header_has_a_limit() -> None:
    assert fault_of(_of_type(b"x", b"x", MAX_EXTENDED_BYTES + 1)) == "limit"
    assert fault_of(_of_type(b"L", b"x", 2**60)) == "limit"


def test_headers_without_end_take_no_memory() -> None:
    reader = ArchiveReader()

    def pieces() -> Iterator[bytes]:
        for number in range(2000):
            value = b"%d" % number * 100
            yield _of_type(b"L", b"x", len(value)) + value + writer.padding(len(value))

    for piece in pieces():
        assert list(reader.feed(piece)) == []
    assert len(reader._said) == 1
    assert len(reader._rest) == 0


def test_a_folder_as_before_ustar() -> None:
    (event,) = ArchiveReader().feed(_of_type(b"\0", b"folder/", 0))
    assert isinstance(event, Member)
    assert (event.name, event.kind) == (b"folder", "directory")


def _of_type(kind: bytes, name: bytes, size: int) -> bytes:
    block = bytearray(writer.header(Member(name, "file", min(size, 8**11 - 1)))[-512:])
    if size >= 8**11:
        block[124:136] = (size | 1 << 95).to_bytes(12, "big")
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)
