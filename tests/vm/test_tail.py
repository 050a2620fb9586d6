"""The end of a stream: bounded, whole lines, and harmless to show."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from hatchway.printable import printable
from hatchway.vm.output_log import OutputLog
from hatchway.vm.tail import TAIL_BYTES, last_lines


def _lines(*pieces: bytes, limit: int = TAIL_BYTES, count: int = 10) -> str:
    """The last lines of a process's stderr."""
    log = OutputLog()
    for piece in pieces:
        log.add("stderr", piece)
        log.add("stdout", b"something else\n")
    return last_lines(*log.tail("stderr", limit), count)


def test_the_last_lines_are_kept() -> None:
    assert _lines() == ""
    assert _lines(b"one\n", b"two") == "one\ntwo"
    assert _lines(b"one\ntwo\n\n\n") == "one\ntwo"
    assert _lines(*(b"%d\n" % number for number in range(100)), count=3) == "97\n98\n99"
    assert _lines(b"\tindented\r\n\nlast") == "\tindented\n\nlast"


def test_the_limit_cuts_no_line_and_no_character() -> None:
    assert _lines(b"first line\n", b"second\n", b"third\n", limit=16) == "second\nthird"
    assert _lines(b"x" * 100, limit=16) == "x" * 16
    assert _lines("ü".encode() * 100, limit=15) == "ü" * 7
    assert _lines("🙂".encode() * 100 + b"!", limit=16) == "🙂" * 3 + "!"
    assert _lines(b"x" * 16, limit=16) == "x" * 16
    assert _lines(b"a\n" + b"x" * 14, limit=16) == "a\n" + "x" * 14


def test_what_a_terminal_would_obey_is_replaced() -> None:
    assert _lines(b"\x1b[2J\x07 red\x9b \xff\r") == "\ufffd[2J\ufffd red\ufffd \ufffd\ufffd"


@given(st.lists(st.binary(max_size=100)), st.integers(1, 200), st.integers(1, 20))
def test_whatever_is_added_the_end_is_kept_within_the_limits(
    pieces: list[bytes], limit: int, count: int
) -> None:
    text = _lines(*pieces, limit=limit, count=count)
    assert text.count("\n") < count
    assert len(text) <= limit
    assert not [
        character for character in text if unicodedata.category(character) == "Cc" and character not in "\n\t"
    ]
    assert text in printable(b"".join(pieces).decode(errors="replace")) or len(b"".join(pieces)) > limit
