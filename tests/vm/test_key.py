from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import HatchwayError
from hatchway.vm.key import MAX_KEY_BYTES, MAX_PART_BYTES, MAX_PARTS, format_key, parse_key, unformat_key

parts = st.text(st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from("/\\ab"), max_size=12)
keys = st.lists(parts, min_size=1, max_size=8).map(tuple).filter(lambda key: key != ("",))


def refusal(value: object) -> str:
    with pytest.raises(HatchwayError) as caught:
        parse_key(value)
    assert (caught.value.code, caught.value.status) == ("invalid_key", 400)
    return caught.value.message


@given(keys)
def test_the_text_of_a_key_is_the_key(key: tuple[str, ...]) -> None:
    assert parse_key(list(key)) == parse_key(key) == key
    assert unformat_key(format_key(key)) == key


@given(keys, keys)
def test_two_keys_never_have_one_text(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (format_key(one) == format_key(other)) == (one == other)


@given(st.text(st.sampled_from("ab/\\")))
def test_each_text_is_canonical_or_refused(text: str) -> None:
    try:
        key = unformat_key(text)
    except HatchwayError as error:
        assert error.code == "invalid_key"  # noqa: PT017
        assert "\\" in text
    else:
        assert format_key(key) == text


def test_a_string_is_a_list_of_one() -> None:
    assert parse_key("my-agent") == parse_key(["my-agent"]) == ("my-agent",)
    assert parse_key("a/b") != parse_key(["a", "b"])
    assert format_key(("a/b", "c\\d")) == "a\\/b/c\\\\d"


def test_the_limits_are_exact_and_named() -> None:
    assert parse_key("k" * MAX_PART_BYTES)
    assert str(MAX_PART_BYTES) in refusal("k" * (MAX_PART_BYTES + 1))
    assert str(MAX_PART_BYTES) in refusal("é" * (MAX_PART_BYTES // 2) + "k"), "bytes, not characters"
    assert parse_key(["k" * 128] * 8)
    assert str(MAX_KEY_BYTES) in refusal(["k" * 128] * 8 + ["k"])
    assert parse_key([""] * MAX_PARTS)
    assert str(MAX_PARTS) in refusal([""] * (MAX_PARTS + 1))


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        b"key",
        {},
        {"a": 1},
        [],
        (),
        "",
        [""],
        ["a", 1],
        [["a"]],
        [None],
        "a\0b",
        ["a", "\0"],
        "\ud800",
        {"a"},
    ],
)
def test_what_is_no_key(value: object) -> None:
    assert refusal(value)
