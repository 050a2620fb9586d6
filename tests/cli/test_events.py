"""An event as a line."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hatchway.cli.events import line
from hatchway.client import Event
from hatchway.printable import printable

AT = datetime(2030, 1, 2, 3, 4, 5, 600, tzinfo=UTC)


def test_what_is_said_of_it() -> None:
    fields = {"pid": 5, "exit_code": 0, "signal": None, "last_words": ""}
    assert (
        line(Event("process_exit", "a-1", AT, fields))
        == "2030-01-02T03:04:05Z process_exit pid=5 exit_code=0\n"
    )
    assert line(Event("missed", "a-1", None, {"count": 3})) == "- missed count=3\n"
    assert line(Event("process_output", "a-1", AT, {"pid": 5}, b"a\nb\r\n")) == (
        "2030-01-02T03:04:05Z process_output pid=5 a\ufffdb\n"
    )


@given(data=st.binary(), words=st.text(st.characters()))
def test_no_word_of_a_guest_breaks_it_or_steers_a_terminal(data: bytes, words: str) -> None:
    shown = line(Event("service_state", "a-1", AT, {"last_words": words}, data))
    assert shown.endswith("\n")
    assert printable(shown[:-1], one_line=True) == shown[:-1]
