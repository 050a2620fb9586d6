from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import HatchwayError
from hatchway.options import PreviewOptions
from hatchway.preview.grant import (
    MAX_LABEL_CHARACTERS,
    Grant,
    validate_cors,
    validate_expiry,
    validate_label,
    validate_port,
)

OPTIONS = PreviewOptions(default_expires_in_seconds=100, max_expires_in_seconds=1000)


@given(st.floats(0, 1e10), st.floats(0, 1e10))
def test_a_grant_holds_until_its_expiry_and_not_at_it(now: float, expires_at: float) -> None:
    assert Grant(1, "vm", 3000, expires_at).holds(now) == (now < expires_at)


def test_a_grant_ends_at_the_very_instant() -> None:
    grant = Grant(1, "vm", 3000, 10.0)
    assert grant.holds(9.999999)
    assert not grant.holds(10.0)


@given(st.integers())
def test_ports(port: int) -> None:
    if 1 <= port <= 65535:
        assert validate_port(port) == port
    else:
        with pytest.raises(HatchwayError, match="between 1 and 65535") as caught:
            validate_port(port)
        assert (caught.value.code, caught.value.status) == ("invalid_port", 400)


@pytest.mark.parametrize("port", [None, "3000", 3000.0, True, [3000], b"1", "abc"])
def test_what_is_no_port(port: object) -> None:
    with pytest.raises(HatchwayError, match="between 1 and 65535"):
        validate_port(port)


@given(st.integers())
def test_expiries(seconds: int) -> None:
    if 1 <= seconds <= 1000:
        assert validate_expiry(seconds, OPTIONS) == seconds
    else:
        with pytest.raises(HatchwayError, match="expires_in_seconds must be between 1 and 1000") as caught:
            validate_expiry(seconds, OPTIONS)
        assert (caught.value.code, caught.value.status) == ("invalid_expiry", 400)


def test_no_expiry_is_the_default() -> None:
    assert validate_expiry(None, OPTIONS) == 100
    assert validate_expiry(None, PreviewOptions()) == 3600
    assert validate_expiry(86400, PreviewOptions()) == 86400


@pytest.mark.parametrize("seconds", ["60", 60.0, True, False, [], b"60"])
def test_what_is_no_expiry(seconds: object) -> None:
    with pytest.raises(HatchwayError, match="between 1 and 1000"):
        validate_expiry(seconds, OPTIONS)


def test_who_answers_for_cors() -> None:
    assert [validate_cors(mode) for mode in ("open", "app")] == ["open", "app"]
    assert Grant(1, "vm", 3000, 10.0).cors == "open"
    assert Grant(1, "vm", 3000, 10.0, app_cors=True).cors == "app"


@pytest.mark.parametrize("mode", [None, "", "OPEN", "app ", "none", True, 1, ["app"], {"app": 1}, b"app"])
def test_what_is_no_mode_of_cors(mode: object) -> None:
    with pytest.raises(HatchwayError, match='cors must be "open" or "app"') as caught:
        validate_cors(mode)
    assert (caught.value.code, caught.value.status) == ("invalid_cors", 400)


@given(st.text(st.characters(), max_size=MAX_LABEL_CHARACTERS + 5))
def test_a_label_is_one_line_of_text_and_stays_as_it_is(label: str) -> None:
    obeyed = any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in label)
    if len(label) <= MAX_LABEL_CHARACTERS and not obeyed:
        assert validate_label(label) == label
        assert label.encode().decode() == label
        assert len(label.splitlines()) <= 1
    else:
        with pytest.raises(HatchwayError) as caught:
            validate_label(label)
        assert (caught.value.code, caught.value.status) == ("invalid_label", 400)


@given(
    st.text(max_size=MAX_LABEL_CHARACTERS - 1),
    st.sampled_from(
        [*map(chr, range(32)), *map(chr, range(127, 160)), "\u2028", "\u2029", "\ud800", "\udfff"]
    ),
    st.integers(0, MAX_LABEL_CHARACTERS),
)
def test_no_label_holds_a_character_that_ends_a_line_or_moves_a_cursor(
    text: str, character: str, place: int
) -> None:
    with pytest.raises(HatchwayError, match="control characters"):
        validate_label(text[:place] + character + text[place:])


@pytest.mark.parametrize(
    "label", ["", "for the design review", "für Ana 🎈", "\u202eabc", " ", "x" * 200, "🎈" * 200]
)
def test_labels(label: str) -> None:
    assert validate_label(label) == label


@pytest.mark.parametrize("label", [None, 1, True, b"text", ["text"], {"text": 1}])
def test_what_is_no_label(label: object) -> None:
    with pytest.raises(HatchwayError, match="must be text") as caught:
        validate_label(label)
    assert caught.value.code == "invalid_label"


def test_a_label_that_is_too_long_names_the_limit() -> None:
    with pytest.raises(HatchwayError, match="at most 200 characters, not 201"):
        validate_label("x" * 201)
