from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.client import problems
from hatchway.client.problems import error_from_answer
from hatchway.errors import (
    AccessDenied,
    Conflict,
    HatchwayError,
    InvalidRequest,
    NotFound,
    Unavailable,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, AccessDenied),
        (403, AccessDenied),
        (404, NotFound),
        (405, InvalidRequest),
        (409, Conflict),
        (413, InvalidRequest),
        (431, InvalidRequest),
        (500, HatchwayError),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
        (507, Unavailable),
    ],
)
def test_the_status_decides_the_class(status: int, kind: type[HatchwayError]) -> None:
    body = json.dumps({"code": "a_code", "message": "what", "hint": "do"}).encode()
    error = error_from_answer(status, body)
    assert type(error) is kind
    assert (error.code, error.message, error.hint, error.status) == ("a_code", "what", "do", status)


def test_a_page_for_people_has_its_code_in_the_header() -> None:
    error = error_from_answer(502, b"<!doctype html>", "port_closed")
    assert (type(error), error.code) == (Unavailable, "port_closed")
    assert "port closed" in error.message


@given(st.integers(400, 599), st.binary())
def test_any_answer_is_some_error(status: int, body: bytes) -> None:
    assert error_from_answer(status, body).status in (status, 500)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"code":1,"message":"m"}', b"\xff"])
def test_an_answer_of_something_else(body: bytes) -> None:
    assert error_from_answer(404, body).code == "unexpected_answer"


NESTED = b"[" * 100_000
HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
) | st.integers(-(2**200), 2**200)


def body(**fields: Any) -> bytes:
    return json.dumps({"code": "process_exited", "message": "it exited", "hint": "look", **fields}).encode()


def test_advice_and_details_are_read_back() -> None:
    details = {
        "exit_code": 3,
        "load": 0.5,
        "last": True,
        "signal": None,
        "stderr": "a\nb",
        "argv": ["a", "b"],
    }
    error = error_from_answer(502, body(retry_after=2, details=details), "process_exited", "9")
    assert (error.retry_after, error.details) == (2, details)
    error = error_from_answer(502, body(retry_after=None, details=None))
    assert (error.retry_after, error.details) == (None, None)
    error = error_from_answer(502, body(retry_after=0, details={}))
    assert (error.retry_after, error.details) == (0, {})


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2),
        ("0", 0),
        ("86400", 86_400),
        ("86401", None),
        ("-1", None),
        ("1.5", None),
        ("9" * 5000, None),
        ("", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("\u00b2", None),
        (None, None),
    ],
)
def test_the_header_says_when_the_body_does_not(header: str | None, seconds: int | None) -> None:
    """A page for people has no fields, and the answer to HEAD no body."""
    assert error_from_answer(502, b"<!doctype html>", "port_closed", header).retry_after == seconds
    assert error_from_answer(502, b"", "port_closed", header).retry_after == seconds
    assert error_from_answer(502, body(), None, header).retry_after == seconds


@pytest.mark.parametrize("value", [True, "2", 2.5, -1, 86_401, 10**400, [2], {"a": 2}, None])
def test_what_is_no_number_of_seconds_is_left_out(value: object) -> None:
    error = error_from_answer(502, body(retry_after=value, details={"a": 1}))
    assert (error.code, error.hint, error.retry_after) == ("process_exited", "look", None)
    assert error.details == {"a": 1}


@pytest.mark.parametrize("value", [{"b": 1}, [1], [["a"]], 2**63, 10**400, "x" * 16_385, ["x"] * 257])
def test_a_detail_that_is_none_is_left_out_and_the_others_stay(value: object) -> None:
    error = error_from_answer(502, body(details={"a": 1, "bad": value, "n" * 65: 2, "z": "last"}))
    assert (error.code, error.details) == ("process_exited", {"a": 1, "z": "last"})


DEEP = b"[" * 900 + b"]" * 900


@pytest.mark.parametrize("value", [b"1", b"[]", b'"x"', b"true", b'{"a":1e999}', b'{"a":' + DEEP + b"}"])
def test_details_that_are_none(value: bytes) -> None:
    error = error_from_answer(
        502, b'{"code":"process_exited","message":"it exited","details":' + value + b"}"
    )
    assert (error.code, error.message) == ("process_exited", "it exited")
    assert not error.details


def test_details_are_bounded() -> None:
    many = {f"name_{number}": "x" * 16_384 for number in range(100)}
    error = error_from_answer(502, body(details=many))
    assert error.details == dict(list(many.items())[: problems.MAX_DETAILS])


@pytest.mark.parametrize("member", [b"details", b"retry_after", b"hint", b"more"])
def test_an_answer_nested_without_end_is_an_error_of_ours(member: bytes) -> None:
    for end in (b"", b"]" * len(NESTED) + b"}"):
        raw = b'{"code":"a","message":"b","%s":%s%s' % (member, NESTED, end)
        assert error_from_answer(502, raw).code == "unexpected_answer"
        assert error_from_answer(502, raw, "port_closed").code == "port_closed"


@given(retry_after=HOSTILE, details=HOSTILE | st.dictionaries(st.text(), HOSTILE))
def test_whatever_a_server_says_is_within_bounds_or_left_out(retry_after: object, details: object) -> None:
    error = error_from_answer(502, body(retry_after=retry_after, details=details))
    assert error.code == "process_exited"
    assert error.retry_after is None or 0 <= error.retry_after <= problems.MAX_RETRY_AFTER_SECONDS
    if error.details is None:
        assert not isinstance(details, dict)
        return
    assert len(error.details) <= problems.MAX_DETAILS
    for name, value in error.details.items():
        assert len(name) <= problems.MAX_NAME_CHARACTERS
        assert isinstance(value, (str, int, float, list, type(None)))
        if isinstance(value, float):
            assert math.isfinite(value)
        if isinstance(value, list):
            assert all(isinstance(each, str) for each in value)
        assert len(msgspec.json.encode(value)) < 7 * problems.MAX_LIST_ITEMS * problems.MAX_TEXT_CHARACTERS
