from __future__ import annotations

import base64
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.client.exec_stream import Event, EventParser, Exit, Failure, Output, Started, parse_line
from hatchway.client.problems import Problem
from hatchway.errors import HatchwayError

outputs = st.builds(Output, st.sampled_from(["stdout", "stderr"]), st.binary(max_size=40))
exits = st.builds(Exit, st.none() | st.integers(0, 255), st.none() | st.integers(1, 64), st.booleans())
starts = st.builds(Started, st.integers(1, 2**22))
failures = st.builds(Failure, st.builds(Problem, st.text(), st.text(), st.text()))


def line(event: Event) -> bytes:
    """As the server prints it."""
    fields: dict[str, object]
    if isinstance(event, Output):
        fields = {"stream": event.stream, "data": base64.b64encode(event.data).decode()}
    elif isinstance(event, Started):
        fields = {"pid": event.pid}
    elif isinstance(event, Exit):
        fields = {"exit_code": event.exit_code, "signal": event.signal, "timed_out": event.timed_out}
    else:
        error = event.error
        fields = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
    # U+2028 and friends are line ends to str.splitlines, not here.
    return json.dumps(fields, ensure_ascii=False).encode(errors="surrogatepass") + b"\n"


@given(st.lists(starts | outputs | exits | failures))
def test_events_are_read_back_whole(events: list[Event]) -> None:
    assert EventParser().feed(b"".join(map(line, events)) or b"\n") == events


@given(st.lists(starts | outputs | exits | failures, max_size=4))
def test_events_are_read_back_byte_by_byte(events: list[Event]) -> None:
    parser = EventParser()
    read = []
    for byte in b"".join(map(line, events)):
        read += parser.feed(bytes([byte]))
    assert read == events


@given(st.lists(outputs | exits, min_size=1), st.lists(st.integers(0, 400)))
def test_events_are_read_back_in_any_pieces(events: list[Event], cuts: list[int]) -> None:
    data = b"".join(map(line, events))
    edges = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    parser = EventParser()
    read = []
    for start, end in itertools.pairwise(edges):
        read += parser.feed(data[start:end])
    assert read == events


def test_an_incomplete_line_is_no_event() -> None:
    assert EventParser().feed(b'{"exit_code":0,"signal":null,"timed_out":false}') == []


def test_blank_lines_and_unknown_fields_are_passed_over() -> None:
    assert EventParser().feed(b'\n\r\n{"exit_code":3,"signal":null,"timed_out":false,"more":1}\r\n') == [
        Exit(3, None, False)
    ]


@pytest.mark.parametrize(
    "text",
    [b"{}", b"[]", b"nonsense", b'{"stream":"other","data":""}', b'{"stream":"stdout","data":"?"}', b"\xff"],
)
def test_a_line_that_is_none_of_the_three(text: bytes) -> None:
    with pytest.raises(HatchwayError) as caught:
        parse_line(text)
    assert caught.value.code == "unexpected_answer"


def test_a_failure_says_as_much_as_any_refusal() -> None:
    event = parse_line(
        b'{"error":{"code":"exec_lost","message":"m","hint":"h","retry_after":2,"details":{"stderr":"e","x":{}}}}'
    )
    assert isinstance(event, Failure)
    error = event.error.error()
    assert (error.code, error.message, error.hint) == ("exec_lost", "m", "h")
    assert (error.retry_after, error.details) == (2, {"stderr": "e"})


def test_a_line_nested_without_end_is_an_error_of_ours() -> None:
    with pytest.raises(HatchwayError) as caught:
        parse_line(b'{"more":' + b"[" * 100_000)
    assert caught.value.code == "unexpected_answer"


@given(st.binary())
def test_any_bytes_are_an_event_or_one_error(data: bytes) -> None:
    try:
        parse_line(data)
    except HatchwayError as error:
        assert error.code == "unexpected_answer"  # noqa: PT017 - most bytes are no event
