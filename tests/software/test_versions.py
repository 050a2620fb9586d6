from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.software.versions import is_at_least, parse_version

numbers = st.lists(st.integers(0, 999_999_999), min_size=1, max_size=4)


@given(numbers, numbers)
def test_versions_are_compared_by_their_numbers(one: list[int], other: list[int]) -> None:
    texts = [".".join(map(str, each)) for each in (one, other)]
    padded = [each + [0] * (4 - len(each)) for each in (one, other)]
    assert is_at_least(texts[0], texts[1]) == (padded[0] >= padded[1])
    assert is_at_least(texts[0], "")


@pytest.mark.parametrize(
    "text",
    ["", "v22", "22.", ".1", "22..1", "22.x", "1.2.3.4.5", "22 ", "22\n", "-1", "1e3", "1234567890", "²"],
)
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="not a dotted version"):
        parse_version(text)


@given(st.text(max_size=20))
def test_anything_else_is_refused_and_nothing_more(text: str) -> None:
    try:
        parsed = parse_version(text)
    except ValueError:
        return
    assert parse_version(".".join(map(str, parsed)) or "0") == parsed
