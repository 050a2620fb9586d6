"""Who has to stop writing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.options import GIB, MIB
from hatchway.vm.disk_policy import (
    GROWTH_BYTES,
    Measured,
    Room,
    is_low,
    is_nearly_out,
    reserve_of,
    too_large,
)

sizes = st.integers(0, 2**45)
measures = st.builds(
    Measured, st.text(max_size=3), st.none() | sizes, sizes, st.none() | st.integers(1, 2**45)
)


@pytest.mark.parametrize(
    ("total", "reserve"), [(1000 * GIB, GIB), (20 * GIB, GIB), (2 * GIB, GIB // 10), (0, 0)]
)
def test_the_reserve(total: int, reserve: int) -> None:
    assert reserve_of(Room(total, 0)) == reserve


@pytest.mark.parametrize(("free", "low"), [(GIB, False), (GIB - 1, True), (0, True)])
def test_low(free: int, low: bool) -> None:
    assert is_low(Room(100 * GIB, free), GIB) is low
    assert not is_low(Room(100 * GIB, free), 0)


def test_low_for_files_without_content() -> None:
    assert is_low(Room(100 * GIB, 50 * GIB, 1000, 19), GIB)
    assert not is_low(Room(100 * GIB, 50 * GIB, 1000, 20), GIB)
    assert not is_low(Room(100 * GIB, 50 * GIB, 1000, 0), 0)


def test_nearly_out() -> None:
    assert is_nearly_out(Room(100 * GIB, GIB // 4 - 1), GIB)
    assert not is_nearly_out(Room(100 * GIB, GIB // 4), GIB)
    assert not is_nearly_out(Room(100 * GIB, 0), 0)


@pytest.mark.parametrize(
    ("before", "now", "limit", "low", "stops"),
    [
        (0, 99, 100, False, False),
        (0, 100, 100, False, False),
        (100, 101, 100, False, True),
        (101, 101, 100, False, False),  # over it, but it does not grow
        (300, 200, 100, False, False),  # somebody deletes
        (None, 200, 100, False, False),  # what it grows from is not known
        (0, 10 * MIB, None, False, False),
        (0, 10 * MIB, None, True, True),
        (0, GROWTH_BYTES, None, True, False),
        (10 * MIB, 0, None, True, False),
        (0, 10 * MIB, GIB, True, True),
    ],
)
def test_who_stops(before: int | None, now: int, limit: int | None, low: bool, stops: bool) -> None:
    assert bool(too_large([Measured("a", before, now, limit)], low=low)) is stops


@given(st.lists(measures, max_size=5), st.booleans())
def test_whoever_does_not_grow_goes_on(measured: list[Measured], low: bool) -> None:
    stopping = too_large(measured, low=low)
    for each in stopping:
        assert each.before is not None
        assert each.now > each.before
        assert low or (each.limit is not None and each.now > each.limit)
    for each in measured:
        if each.limit is not None and each.before is not None and each.now > max(each.limit, each.before):
            assert each in stopping
