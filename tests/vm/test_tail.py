"""The end of a stream: bounded, whole lines, and harmless to show."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from hatchway.printable import printable
from hatchway.vm.tail import TAIL_BYTES, Tail


def _tail(*pieces: bytes, limit: int = TAIL_BYTES) -> Tail:
    tail = Tail(limit)
    for piece in pieces:
        tail.add(piece)
    return tail


def test_the_last_lines_are_kept() -> None:
    assert _tail().lines() == ""
    assert _tail(b"one\n", b"two").lines() == "one\ntwo"
    assert _tail(b"one\ntwo\n\n\n").lines() == "one\ntwo"
    assert _tail(*(b"%d\n" % number for number in range(100))).lines(3) == "97\n98\n99"
    assert _tail(b"\tindented\r\n\nlast").lines() == "\tindented\n\nlast"


def test_the_limit_cuts_no_line_and_no_character() -> None:
    assert _tail(b"first line\n", b"second\n", b"third\n", limit=16).lines() == "second\nthird"
    assert _tail(b"x" * 100, limit=16).lines() == "x" * 16
    assert _tail("ü".encode() * 100, limit=15).lines() == "ü" * 7
    assert _tail("🙂".encode() * 100 + b"!", limit=16).lines() == "🙂" * 3 + "!"
    assert _tail(b"x" * 16, limit=16).lines() == "x" * 16
    assert _tail(b"a\n" + b"x" * 14, limit=16).lines() == "a\n" + "x" * 14


def test_what_a_terminal_would_obey_is_replaced() -> None:
    assert _tail(b"\x1b[2J\x07 red\x9b \xff\r").lines() == "\ufffd[2J\ufffd red\ufffd \ufffd\ufffd"


@given(st.lists(st.binary(max_size=100)), st.integers(1, 200), st.integers(1, 20))
def test_whatever_is_added_the_end_is_kept_within_the_limits(
    pieces: list[bytes], limit: int, count: int
) -> None:
    tail = _tail(*pieces, limit=limit)
    assert tail._data == b"".join(pieces)[-limit:]
    text = tail.lines(count)
    assert text.count("\n") < count
    assert not [
        character for character in text if unicodedata.category(character) == "Cc" and character not in "\n\t"
    ]
    assert text in printable(b"".join(pieces).decode(errors="replace")) or len(b"".join(pieces)) > limit
