"""What workers say, as the server reads it: whole, byte by byte, and when it is something else."""

from __future__ import annotations

import contextlib
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.archive.descent import EntryKind
from hatchway.vm.sandbox import frames
from hatchway.vm.sandbox.frames import FrameParser, ListedEntry, decode_entries, encode_entry, encode_frame

parts = st.binary(min_size=1, max_size=255).filter(
    lambda part: b"/" not in part and b"\0" not in part and part not in {b".", b".."}
)
entries = st.tuples(
    st.sampled_from(get_args(EntryKind)),
    st.integers(0, 2**63 - 1),
    st.lists(parts, min_size=1, max_size=4).map(b"/".join),
)


def _parse(data: bytes, step: int) -> list[tuple[bytes, bytes]]:
    parser = FrameParser()
    return [frame for start in range(0, len(data), step) for frame in parser.feed(data[start : start + step])]


@given(
    st.lists(st.tuples(st.sampled_from([b"D", b"L", b"E", b"X"]), st.binary(max_size=300))),
    st.sampled_from([1, 4, 5, 6, 100, 10_000]),
)
def test_frames_come_back(given_frames: list[tuple[bytes, bytes]], step: int) -> None:
    data = b"".join(encode_frame(kind, payload) for kind, payload in given_frames)
    assert _parse(data, step) == given_frames


@given(st.lists(entries, max_size=10))
def test_entries_come_back(listed: list[ListedEntry]) -> None:
    assert decode_entries(b"".join(encode_entry(*entry) for entry in listed)) == listed


@given(st.binary(max_size=200))
def test_anything_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        _parse(data, 7)
    with contextlib.suppress(ValueError):
        for kind, size, path in decode_entries(data):
            assert kind in get_args(EntryKind)
            assert 0 <= size < 2**63
            assert not path.startswith(b"/")


@pytest.mark.parametrize(
    ("kind", "length"),
    [
        (b"D", frames.MAX_FRAME_BYTES + 1),
        (b"L", 2**32 - 1),
        (b"E", frames.MAX_JSON_BYTES + 1),
        (b"X", frames.MAX_JSON_BYTES + 1),
        (b"?", 0),
        (b"\0", 5),
    ],
)
def test_a_frame_that_cannot_be_is_refused_at_its_head(kind: bytes, length: int) -> None:
    with pytest.raises(ValueError):
        list(FrameParser().feed(kind + length.to_bytes(4, "big")))


@pytest.mark.parametrize(
    "path",
    [b"", b"/a", b"a/", b"a//b", b"..", b"a/../b", b".", b"a/.", b"a\0b", b"x" * 4352],
)
def test_what_can_be_no_entry(path: bytes) -> None:
    with pytest.raises(ValueError):
        decode_entries(encode_entry("file", 1, path))


def test_broken_entries() -> None:
    whole = encode_entry("file", 1, b"path")
    for length in range(1, len(whole)):
        with pytest.raises(ValueError):
            decode_entries(whole[:length])
    with pytest.raises(ValueError):
        decode_entries(b"z" + whole[1:])
    with pytest.raises(ValueError):
        decode_entries(encode_entry("file", 2**63, b"path"))
