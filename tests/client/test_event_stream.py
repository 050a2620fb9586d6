"""Messages about events, and how they are asked for."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.client.event_answers import Event
from hatchway.client.event_stream import (
    Failure,
    events_query,
    parse_message,
    resize_action,
    write_action,
)
from hatchway.errors import HatchwayError, InvalidRequest


def test_an_event() -> None:
    event = parse_message(
        '{"cursor":"00ff-7","event":"process_output","at":"2030-01-02T03:04:05+01:00","pid":5,"data":"YQD/"}'
    )
    assert event == Event(
        "process_output", "00ff-7", datetime(2030, 1, 2, 2, 4, 5, tzinfo=UTC), {"pid": 5}, b"a\0\xff"
    )
    assert (event["pid"], event.text) == (5, "a\0\ufffd")
    with pytest.raises(KeyError):
        event["port"]


def test_one_of_a_newer_server() -> None:
    event = parse_message('{"cursor":"a-1","event":"new","more":[1]}')
    assert event == Event("new", "a-1", None, {"more": [1]})


def test_a_refusal() -> None:
    failure = parse_message(
        '{"event":"error","error":{"code":"shell_busy","message":"m","hint":""},"shell_id":"1","action":"x"}'
    )
    assert isinstance(failure, Failure)
    assert (failure.error.code, failure.shell_id) == ("shell_busy", "1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "{}",
        "[" * 100_000,
        '{"event":"x"}',
        '{"event":5,"cursor":"a"}',
        '{"event":"x","cursor":5}',
        '{"event":"x","cursor":"a","at":"yesterday"}',
        '{"event":"x","cursor":"a","at":5}',
        '{"event":"x","cursor":"a","data":"?"}',
        '{"event":"x","cursor":"a","data":5}',
        '{"event":"error"}',
        '{"event":"error","error":5}',
        b"\xff",
    ],
)
def test_what_is_none(text: str | bytes) -> None:
    with pytest.raises(HatchwayError) as caught:
        parse_message(text)
    assert caught.value.code == "unexpected_message"


@given(st.text() | st.binary())
def test_any_message_is_read_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(HatchwayError):
        assert isinstance(parse_message(text), Event | Failure)


def test_how_they_are_asked_for() -> None:
    assert events_query(None, None) == ""
    assert events_query("00ff-7", ["a", "b c"]) == "?cursor=00ff-7&kinds=a,b%20c"
    assert events_query("start", "a") == "?cursor=start&kinds=a"
    assert events_query(None, ["\ud800"]) == "?kinds=%3F"
    for cursor, kinds, code in ((5, None, "invalid_cursor"), (None, [5], "invalid_kinds")):
        with pytest.raises(InvalidRequest) as caught:
            events_query(cursor, kinds)  # type: ignore[arg-type]
        assert caught.value.code == code


def test_actions() -> None:
    assert write_action("1", b"\xff") == '{"action":"write_shell","shell_id":"1","data":"/w=="}'
    assert resize_action("1", 80, 24) == '{"action":"resize_shell","shell_id":"1","cols":80,"rows":24}'
    for size in ((0, 24), (80, 65_536), (True, 24), ("80", 24), (80.0, 24)):
        with pytest.raises(InvalidRequest) as caught:
            resize_action("1", *size)
        assert caught.value.code == "invalid_size"
