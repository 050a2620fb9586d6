"""Text of others, safe to show."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from hatchway.printable import printable, shown


def test_what_a_terminal_would_obey_is_replaced() -> None:
    assert printable("a\u202eb\u2066c\x85d\te\r\nf\rg") == "a\ufffdb\ufffdc\ufffdd\te\nf\ufffdg"
    assert printable("\x1b[2J\udcff") == "\ufffd[2J\ufffd"


def test_what_belongs_to_writing_stays() -> None:
    family = "\U0001f468\u200d\U0001f469"  # joined by U+200D
    assert printable(f"{family} grüße 日本 \u00ad") == f"{family} grüße 日本 \u00ad"


@given(st.text(st.characters()), st.booleans())
def test_whatever_is_said_steers_nothing(text: str, one_line: bool) -> None:
    shown = printable(text, one_line=one_line)
    shown.encode()
    assert len(shown) == len(text.replace("\r\n", "\n"))
    kept = "\t" if one_line else "\t\n"
    assert not [
        each for each in shown if unicodedata.category(each) in {"Cc", "Zl", "Zp"} and each not in kept
    ]
    if one_line:
        assert len(shown.splitlines()) <= 1
    assert printable(shown, one_line=one_line) == shown


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError


def test_any_value_can_be_shown() -> None:
    for value, text in (
        ("a", "'a'"),
        (5, "5"),
        (None, "None"),
        ("a" * 99, "'" + "a" * 99 + "…"),
        (10**5000, "this int"),
        (Unshowable(), "this Unshowable"),
    ):
        assert shown(value) == text
        assert len(text) <= 101
