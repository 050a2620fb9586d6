from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hatchway.vm.sandbox.id_ranges import (
    FIRST_UID,
    PROBE_SLOT,
    UID_RANGE,
    first_uid,
    overlaps_any,
    parse_subordinate_ids,
)


def test_ranges_follow_one_another_and_fit_32_bits() -> None:
    assert first_uid(0) == FIRST_UID
    assert first_uid(1) == FIRST_UID + UID_RANGE
    assert first_uid(PROBE_SLOT) + UID_RANGE < 2**32 - 2


@given(
    slot=st.integers(0, 1000),
    given_ranges=st.lists(
        st.builds(lambda a, n: range(a, a + n), st.integers(0, 10**8), st.integers(1, 10**6)), max_size=4
    ),
)
def test_a_slot_is_taken_exactly_when_an_id_is_shared(slot: int, given_ranges: list[range]) -> None:
    first = first_uid(slot)
    last = first + UID_RANGE - 1
    shared = any(max(first, other[0]) <= min(last, other[-1]) for other in given_ranges)
    assert overlaps_any(given_ranges)(slot) is shared


def test_subordinate_ids() -> None:
    text = "alice:100000:65536\n# comment\nbob:165536:65536\nbroken:1\n\nx:y:z\n"
    assert list(parse_subordinate_ids(text)) == [range(100000, 165536), range(165536, 231072)]


@given(st.text(max_size=100))
def test_any_text_is_parsed(text: str) -> None:
    assert all(isinstance(given_range, range) for given_range in parse_subordinate_ids(text))
