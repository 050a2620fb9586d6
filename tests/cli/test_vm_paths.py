from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.cli.vm_paths import joined, last_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a", "a"),
        ("a/b", "b"),
        ("a/b//", "b"),
        ("/", ""),
        ("", ""),
        (".", ""),
        ("a/..", ""),
        ("a/./", ""),
        ("..a", "..a"),
    ],
)
def test_last_names(path: str, name: str) -> None:
    assert last_name(path) == name


@pytest.mark.parametrize(
    ("folder", "name", "path"),
    [
        ("", "a", "a"),
        ("/", "a", "/a"),
        ("b/", "a", "b/a"),
        ("b", "", "b"),
        ("", "", "."),
    ],
)
def test_joined(folder: str, name: str, path: str) -> None:
    assert joined(folder, name) == path


@given(st.text("ab./"), st.text("ab.", min_size=1).filter(lambda name: name not in {".", ".."}))
def test_a_name_that_was_joined_is_the_last(folder: str, name: str) -> None:
    assert last_name(joined(folder, name)) == name
    assert last_name(joined(folder, name) + "/") == name
