"""Patterns that leave entries out, held against the standard library's where both mean the same."""

from __future__ import annotations

import fnmatch
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.vm.sandbox.globs import Globs


def matches(pattern: str, path: str, *, is_folder: bool = False) -> bool:
    return Globs([pattern.encode()]).match(path.encode(), is_folder)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("node_modules", "node_modules", True),
        ("node_modules", "a/b/node_modules", True),
        ("node_modules", "a/node_modules/b", False),  # what is in it is never asked about
        ("*.pyc", "a/b.pyc", True),
        ("*.pyc", "a/b.py", False),
        ("?", "a/b", True),
        ("?", "ab", False),
        ("[ab]", "b", True),
        ("[!ab]", "b", False),
        ("a/b", "a/b", True),
        ("a/b", "x/a/b", False),
        ("/a", "a", True),
        ("/a", "x/a", False),
        ("a/*", "a/b", True),
        ("a/*", "a/b/c", False),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/b/c", True),
        ("a/**/c", "a/b/b/d", False),
        ("**/c", "c", True),
        ("**/c", "a/b/c", True),
        ("a/**", "a/b/c", True),
        ("**/b/**/d", "a/b/c/b/d", True),
        ("**/b/c", "b/b/c", True),
        ("*/x/*", "a/x/c", True),
        ("[", "[", True),
        ("", "a", False),
        ("/", "a", False),
    ],
)
def test_patterns(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected
    assert matches(pattern, path, is_folder=True) is expected


def test_a_slash_at_the_end_asks_for_a_folder() -> None:
    for pattern, path in (("build/", "a/build"), ("a/build/", "a/build"), ("/build/", "build")):
        assert matches(pattern, path, is_folder=True)
        assert not matches(pattern, path)


def test_patterns_are_bytes() -> None:
    globs = Globs([b"\xff*", "ü".encode()])
    assert globs.match(b"a/\xff\xfe", False)
    assert globs.match("ü".encode(), False)
    assert not globs.match(b"u", False)
    assert Globs([b"?"]).match("ü".encode(), False) is False  # two bytes


names = st.text("ab*?[]!-^\\.", min_size=1, max_size=8).filter(lambda name: name not in {".", ".."})


@given(names, names)
def test_names_match_as_in_the_standard_library(pattern: str, name: str) -> None:
    assert matches(pattern, name) == fnmatch.fnmatchcase(name, pattern)


@given(
    st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=2, max_size=6),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=6),
)
def test_paths_match_as_a_plain_search_says(pattern: list[str], path: list[str]) -> None:
    def search(parts: list[str], left: list[str]) -> bool:
        if not parts:
            return not left
        if parts[0] == "**":
            return any(search(parts[1:], left[start:]) for start in range(len(left) + 1))
        return bool(left) and fnmatch.fnmatchcase(left[0], parts[0]) and search(parts[1:], left[1:])

    assert matches("/".join(pattern), "/".join(path)) == search(pattern, path)


def test_no_pattern_takes_long() -> None:
    started = time.process_time()
    assert not matches("*a" * 120 + "b", "a" * 255)
    assert not matches("**/a/" * 200 + "b", "a/" * 2000 + "c")
    assert time.process_time() - started < 1


@given(st.binary(min_size=1, max_size=50), st.binary(min_size=1, max_size=50))
def test_any_bytes_are_a_pattern(pattern: bytes, path: bytes) -> None:
    Globs([pattern]).match(path, True)
    os.fsdecode(path)
