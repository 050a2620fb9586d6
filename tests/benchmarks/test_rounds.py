from __future__ import annotations

from typing import NamedTuple

import pytest
from benchmarks.rounds import alternate, percentile
from hypothesis import given
from hypothesis import strategies as st


class Subject(NamedTuple):
    name: str


def test_rounds_alternate_and_turn_around() -> None:
    measured: list[str] = []

    def measure(subject: Subject) -> int:
        measured.append(subject.name)
        return len(measured)

    samples = alternate(3, [Subject("a"), Subject("b"), Subject("c")], measure)
    assert "".join(measured) == "abccbaabc"
    assert samples == {"a": [1, 6, 7], "b": [2, 5, 8], "c": [3, 4, 9]}


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1.0), (50, 50.0), (51, 51.0), (99, 99.0), (99.5, 100.0), (100, 100.0)]
)
def test_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], percent) == expected


def test_the_99th_percentile_of_few_samples_is_the_worst() -> None:
    assert percentile([3.0, 9.0, 1.0], 99) == 9.0


@given(st.lists(st.integers(-1000, 1000), min_size=1), st.integers(1, 100))
def test_enough_samples_are_not_above_a_percentile(samples: list[int], percent: int) -> None:
    value = percentile(samples, percent)
    assert value in samples
    assert sum(sample <= value for sample in samples) * 100 >= percent * len(samples)
    assert sum(sample < value for sample in samples) * 100 < percent * len(samples)
