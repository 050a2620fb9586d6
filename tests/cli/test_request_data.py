from __future__ import annotations

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from hatchway.cli.request_data import parse_headers

DEFAULT = [("Content-Type", "a/b")]

NAMES = st.text("abcXYZ-_09", min_size=1)
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]))


@pytest.mark.parametrize(
    ("texts", "headers"),
    [
        ([], DEFAULT),
        (["X: y"], [*DEFAULT, ("X", "y")]),
        (["X:y:z", "X: "], [*DEFAULT, ("X", "y:z")]),
        (["X;"], [*DEFAULT, ("X", "")]),
        (["content-type: c/d"], [("content-type", "c/d")]),
        (["CONTENT-TYPE:"], []),
        (["Content-Type;"], [("Content-Type", "")]),
    ],
)
def test_headers(texts: list[str], headers: list[tuple[str, str]]) -> None:
    assert parse_headers(texts, DEFAULT) == headers


@pytest.mark.parametrize("text", ["", "X", "X;y", "X y"])
def test_what_is_no_header(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_headers([text], DEFAULT)


@given(st.lists(st.tuples(NAMES, VALUES.map(str.strip).filter(bool))))
def test_every_header_is_sent_as_given(pairs: list[tuple[str, str]]) -> None:
    assert parse_headers([f"{name}: {value}" for name, value in pairs], []) == pairs
