from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hatchway.api.rivet.actor_key import format_actor_key, parse_actor_key, parse_joined_key
from hatchway.errors import InvalidRequest

parts = st.text(
    st.sampled_from("a/\\0,é\U0001f600") | st.characters(exclude_categories=["Cs"]), max_size=6
).filter(lambda part: "\0" not in part)
keys = st.lists(parts, min_size=1, max_size=6).filter(lambda key: key != [""])
texts = st.text(st.sampled_from("a/\\0"), max_size=8) | st.text(st.characters(), max_size=8)


def as_the_client_writes(key: list[str]) -> str:
    r"""The algorithm of the npm package: escapes in each part, `\0` for an empty one, `/` between."""
    if not key:
        return "/"
    return "/".join("\\0" if part == "" else part.replace("\\", "\\\\").replace("/", "\\/") for part in key)


@given(keys)
@example(["\\0"])
@example(["\\", "/"])
@example(["", ""])
@example(["0", ""])
def test_every_key_there_and_back(key: list[str]) -> None:
    text = format_actor_key(tuple(key))
    assert text == as_the_client_writes(key)
    assert parse_actor_key(text) == tuple(key)


@given(texts)
@example("/")
@example("\\0\\0")
@example("\\0\\0/a")
def test_every_other_text_is_refused(text: str) -> None:
    """So no two texts are of one key, and no two keys have one text."""
    try:
        key = parse_actor_key(text)
    except InvalidRequest as error:
        if error.code != "invalid_key":
            raise
    else:
        assert format_actor_key(key) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "//",
        "a/",
        "/a",
        "a//b",
        "\\",
        "a\\",
        "\\\\\\",
        "a\\b",
        "a\\0",
        "\\0a",
        "\\0\\0",
        "\\0",
        "\0",
        "\ud800",
    ],
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_actor_key(text)
    assert caught.value.code == "invalid_key"


@pytest.mark.parametrize(
    "text", ["a" * 129, "/".join("a" * 129), "/".join(["a" * 100] * 11), "a" * 10**6, "é" * 65]
)
def test_keys_have_limits(text: str) -> None:
    for parse in (parse_actor_key, lambda text: parse_joined_key(text.replace("/", ","))):
        with pytest.raises(InvalidRequest) as caught:
            parse(text)
        assert caught.value.code == "invalid_key"


def test_as_real_clients_write() -> None:
    assert parse_actor_key("k/a\\/b/\\0") == ("k", "a/b", "")
    assert parse_actor_key("é,x/a\\\\b/\\0") == ("é,x", "a\\b", "")
    assert parse_joined_key("é,x,a\\b,") == ("é", "x", "a\\b", "")
    assert parse_joined_key("my-agent") == ("my-agent",)


@given(keys)
def test_joined_keys_without_commas_there_and_back(key: list[str]) -> None:
    key = [part.replace(",", "") for part in key]
    if key != [""]:
        assert parse_joined_key(",".join(key)) == tuple(key)


@given(st.text(st.characters()))
def test_any_joined_text_is_a_key_or_refused(text: str) -> None:
    try:
        assert ",".join(parse_joined_key(text)) == text
    except InvalidRequest as error:
        if error.code != "invalid_key":
            raise
