from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
