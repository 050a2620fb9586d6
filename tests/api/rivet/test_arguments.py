from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rivet.js_strategies import any_text, outputs, values
from hatchway.api.rivet.arguments import Arguments, Options, as_bytes
from hatchway.api.rivet.js_values import UNDEFINED
from hatchway.errors import InvalidRequest


class Some(Options):
    is_open: bool = False
    max_depth: int | None = None
    words: list[str] = []
    content: Any = None


READS: list[Any] = [
    lambda given: given.text(0, "it"),
    lambda given: given.path(0),
    lambda given: given.content(0, "it"),
    lambda given: given.pid(),
    lambda given: given.options(0, Some),
    lambda given: given.list(0, Some, "it"),
    lambda given: given.list(0, str, "it"),
]


def refused(read: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read()
    assert caught.value.code in {"invalid_arguments", "invalid_path"}
    return caught.value


@given(st.lists(values | outputs, max_size=3), st.sampled_from(READS))
def test_any_arguments_are_read_or_refused(given_: list[Any], read: Any) -> None:
    try:
        read(Arguments("test", given_, 3))
    except InvalidRequest as error:
        if error.code not in {"invalid_arguments", "invalid_path"}:
            raise


@given(st.lists(st.sampled_from([None, UNDEFINED]), max_size=5), st.integers(0, 3))
def test_what_is_missing_or_undefined_is_the_same(given_: list[Any], most: int) -> None:
    arguments = Arguments("test", given_, most)
    assert arguments.options(0, Some) == Some()
    assert arguments.anything(0) is None
    for read in (*READS[:4], *READS[5:]):
        refused(lambda read=read: read(arguments))


def test_there_are_so_many() -> None:
    Arguments("test", ["a", None, UNDEFINED], 1)
    assert "1 arguments at most" in refused(lambda: Arguments("test", ["a", None, False], 1)).message


@pytest.mark.parametrize("value", [0, -1, 2**31, 1.5, True, "7", None, b"7", [7]])
def test_what_is_no_pid(value: Any) -> None:
    refused(Arguments("test", [value], 1).pid)


def test_options_are_in_javascripts_fashion() -> None:
    given_ = {
        "isOpen": True,
        "maxDepth": UNDEFINED,
        "words": ["a"],
        "content": {"a": UNDEFINED, "b": [UNDEFINED]},
    }
    assert Arguments("test", [given_], 1).options(0, Some) == Some(
        is_open=True, words=["a"], content={"b": [None]}
    )


@pytest.mark.parametrize(
    "value",
    [
        {"unknown": 1},
        {"is_open": True},
        {"isOpen": 1},
        {"isOpen": None},
        {"maxDepth": 1.5},
        {"words": "a"},
        [],
        "",
        5,
    ],
)
def test_options_that_are_not_known_are_refused(value: Any) -> None:
    message = refused(lambda: Arguments("test", [value], 1).options(0, Some)).message
    assert message.startswith("the options of test are not as expected: ")


def test_what_is_said_holds_no_value_and_is_short() -> None:
    secret = {"words": ["a", {"s3cret": "s3cret"}], "isOpen": "s3cret"}
    assert "s3cret" not in refused(lambda: Arguments("test", [secret], 1).options(0, Some)).message
    long = {"x" * 10**6: 1}
    assert len(refused(lambda: Arguments("test", [long], 1).options(0, Some)).message) < 500


@given(any_text)
def test_text_as_bytes(words: str) -> None:
    try:
        expected = words.encode()
    except UnicodeEncodeError:
        refused(lambda: as_bytes(words, "it"))
    else:
        assert as_bytes(words, "it") == as_bytes(expected, "it") == expected
