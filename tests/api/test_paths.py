from __future__ import annotations

import posixpath
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.paths import MAX_NAME_BYTES, MAX_PATH_BYTES, PATH_SCHEMA, validate_path
from hatchway.errors import HatchwayError


def refusal(path: bytes) -> str:
    with pytest.raises(HatchwayError) as caught:
        validate_path(path)
    assert caught.value.code == "invalid_path"
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize(
    ("path", "absolute"),
    [
        (b"/", b"/"),
        (b"/etc/hosts", b"/etc/hosts"),
        (b"notes.txt", b"/home/user/notes.txt"),
        (b"a/b/", b"/home/user/a/b/"),
        (b".", b"/home/user/."),
        (b"/a//b", b"/a//b"),
        (b"/\xff\n\xe2\x82", b"/\xff\n\xe2\x82"),
        (b"/a..b/...", b"/a..b/..."),
        (b"~", b"/home/user/~"),
    ],
)
def test_what_is_meant(path: bytes, absolute: bytes) -> None:
    assert validate_path(path) == absolute


@pytest.mark.parametrize("path", [b"..", b"/..", b"../x", b"/a/../b", b"a/..", b"/a/.."])
def test_no_way_up(path: bytes) -> None:
    assert ".." in refusal(path)


def test_the_rest_is_refused_with_its_reason() -> None:
    assert "empty" in refusal(b"")
    assert "NUL" in refusal(b"/a\0b")


def test_names_and_paths_have_the_kernels_limits() -> None:
    assert validate_path(b"/" + b"n" * MAX_NAME_BYTES)
    assert str(MAX_NAME_BYTES) in refusal(b"/" + b"n" * (MAX_NAME_BYTES + 1))
    assert str(MAX_NAME_BYTES) in refusal(b"/" + b"n" * 4096)
    longest = b"/ab" * (MAX_PATH_BYTES // 3)
    assert len(longest) == MAX_PATH_BYTES
    assert validate_path(longest) == longest
    assert str(MAX_PATH_BYTES) in refusal(longest + b"/")
    assert str(MAX_PATH_BYTES) in refusal(longest[1:]), "the home counts too"


@given(st.binary(max_size=300) | st.lists(st.sampled_from([b"a", b"..", b".", b"", b"\xff"])).map(b"/".join))
def test_what_passes_is_absolute_and_stays_below_its_start(path: bytes) -> None:
    try:
        absolute = validate_path(path)
    except HatchwayError:
        return
    assert absolute.startswith(b"/")
    assert b"\0" not in absolute
    assert absolute.endswith(path)
    if not path.startswith(b"/"):
        assert (posixpath.normpath(absolute) + b"/").startswith(b"/home/user/")
    assert validate_path(absolute) == absolute


@given(
    st.text(st.sampled_from("./a\n\0é"), max_size=12)
    | st.lists(st.sampled_from(["a", "..", ".", "", "..a", "a..", "\n"])).map("/".join)
)
def test_the_document_says_the_same_of_what_is_no_matter_of_length(path: str) -> None:
    fits = len(path) >= PATH_SCHEMA["minLength"] and re.search(PATH_SCHEMA["pattern"], path) is not None
    try:
        validate_path(path.encode())
    except HatchwayError:
        assert not fits
    else:
        assert fits
