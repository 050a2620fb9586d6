from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.client.output_stream import End, Event, EventParser, Failure, parse_line
from hatchway.client.problems import Problem
from hatchway.client.process_answers import OutputChunk
from hatchway.errors import HatchwayError

offsets = st.integers(0, 2**53)
events = st.one_of(
    st.builds(OutputChunk, offsets, st.sampled_from(["stdout", "stderr"]), st.binary()),
    st.builds(OutputChunk, offsets, st.none(), st.just(b""), st.integers(1, 2**53)),
    st.builds(
        End,
        offsets,
        st.sampled_from(["running", "exited"]),
        st.none() | st.integers(0, 255),
        st.none() | st.just(9),
    ),
    st.builds(Failure, st.builds(Problem, st.just("some_code"), st.text())),
)


def printed(event: Event) -> bytes:
    """As the server says it."""
    if isinstance(event, Failure):
        return json.dumps({"error": {"code": event.error.code, "message": event.error.message}}).encode()
    if isinstance(event, End):
        names = ("next_offset", "state", "exit_code", "signal")
        return json.dumps({name: getattr(event, name) for name in names}).encode()
    if event.stream is None:
        return json.dumps({"dropped_bytes": event.dropped_bytes, "offset": event.offset}).encode()
    data = base64.b64encode(event.data).decode()
    return json.dumps({"stream": event.stream, "offset": event.offset, "data": data}).encode()


@given(st.lists(events), st.data())
def test_in_any_pieces(wanted: list[Event], data: st.DataObject) -> None:
    whole = b"".join(printed(event) + b"\n" for event in wanted)
    assert EventParser().feed(whole) == wanted
    parser, found = EventParser(), []
    for byte in range(len(whole)):
        found += parser.feed(whole[byte : byte + 1])
    assert found == wanted
    parser, found = EventParser(), []
    while whole:
        size = data.draw(st.integers(1, len(whole)))
        found += parser.feed(whole[:size])
        whole = whole[size:]
    assert found == wanted


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"stream":"stdout","data":""}',
        b'{"stream":"other","offset":0,"data":""}',
        b'{"stream":"stdout","offset":0,"data":"?"}',
        b'{"offset":0}',
        b'{"next_offset":0}',
        b'{"next_offset":0,"state":"other"}',
        b'{"error":{}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_line(line: bytes) -> None:
    with pytest.raises(HatchwayError) as caught:
        parse_line(line)
    assert caught.value.code == "unexpected_answer"


@given(st.binary())
def test_anything_else_is_refused(line: bytes) -> None:
    with contextlib.suppress(HatchwayError):  # and nothing else is raised
        parse_line(line)
