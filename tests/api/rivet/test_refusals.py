"""Errors as the client raises them."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.rivet.errors import GROUP, answer_failure, failure
from hatchway.errors import HatchwayError


@given(st.text(st.characters()), st.text(st.characters()), st.integers(-1, 700) | st.none())
def test_every_error_is_an_answer(message: str, hint: str, status: int | None) -> None:
    error = HatchwayError(
        "some_code", message, hint, status=status, retry_after=5, details={"lastWords": [message], "n": None}
    )
    answer = answer_failure(error)
    assert 400 <= answer.status_code <= 599
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    shown = message.encode(errors="replace").decode()
    assert json.loads(bytes(answer.body)) == {
        "group": GROUP,
        "code": "some_code",
        "message": shown,
        "metadata": {
            "hint": hint.encode(errors="replace").decode(),
            "retry_after": 5,
            "details": {"lastWords": [shown], "n": None},
        },
    }


def test_what_there_is_not_is_left_out() -> None:
    assert failure(HatchwayError("c", "m")).metadata == {"hint": ""}


def test_the_group_is_none_that_the_client_tries_again() -> None:
    assert GROUP not in {"actor", "guard", "rivetkit", "client"}
