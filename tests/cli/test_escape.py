"""What is typed, and how a user leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.cli.escape import EscapeFilter


def feed(*pieces: bytes) -> tuple[bytes, bool]:
    escape = EscapeFilter()
    passed = b"".join(escape.feed(piece) for piece in pieces)
    return passed, escape.left


@pytest.mark.parametrize(
    ("typed", "passed", "left"),
    [
        (b"", b"", False),
        (b"ls ~/.x\r", b"ls ~/.x\r", False),
        (b"~.", b"", True),
        (b"~", b"", False),
        (b"~.rest", b"", True),
        (b"ls\r~.", b"ls\r", True),
        (b"ls\n~.", b"ls\n", True),
        (b"~~.", b"~.", False),
        (b"~~\r~.", b"~\r", True),
        (b"~/x", b"~/x", False),
        (b"~\r~.", b"~\r", True),
        (b" ~.", b" ~.", False),
    ],
)
def test_where_it_is_one(typed: bytes, passed: bytes, left: bool) -> None:
    assert feed(typed) == (passed, left)
    assert feed(*(bytes([key]) for key in typed)) == (passed, left)


@given(st.lists(st.binary()))
def test_pieces_make_no_difference(pieces: list[bytes]) -> None:
    whole = feed(b"".join(pieces))
    escape = EscapeFilter()
    passed = b""
    for piece in pieces:
        passed += escape.feed(piece)
        if escape.left:
            break
    assert (passed, escape.left) == whole


@given(st.binary().filter(lambda typed: b"~" not in typed))
def test_all_else_is_passed_on(typed: bytes) -> None:
    assert feed(typed) == (typed, False)
