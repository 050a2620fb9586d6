from __future__ import annotations

import pytest
from benchmarks.table import Row, at_most, better, markdown


@pytest.mark.parametrize(
    ("ours", "theirs", "less", "ratio", "met"),
    [
        (200.0, 100.0, False, 2.0, True),
        (99.9, 100.0, False, 0.999, False),
        (50.0, 100.0, True, 2.0, True),
        (100.1, 100.0, True, 0.999, False),
        (100.0, 100.0, True, 1.0, True),
    ],
)
def test_a_ratio_above_one_is_better(ours: float, theirs: float, less: bool, ratio: float, met: bool) -> None:
    row = better("what", "µs", ours, "nginx", theirs, goal=1.0, less=less)
    assert row.ratio == pytest.approx(ratio, abs=1e-5)
    assert row.goal == ">= 1.0 x nginx"
    assert row.met is met


def test_at_most_so_many_times_as_much() -> None:
    row = at_most("what", "µs", 131.0, "direct", 100.0, goal=1.3)
    assert (row.ratio, row.goal, row.met) == (1.31, "<= 1.3 x direct", False)
    assert at_most("what", "µs", 130.0, "direct", 100.0, goal=1.3).met is True


def test_without_a_goal_nothing_is_reached_or_missed() -> None:
    for row in (
        better("what", "MB/s", 2.0, "nginx", 1.0, goal=None),
        at_most("what", "ms", 2.0, "nginx", 1.0),
    ):
        assert (row.ratio, row.goal, row.met) == (2.0, "", None)


def test_what_is_missed_is_shown_as_missed() -> None:
    rows = [
        better("faster", "MB/s", 1234.0, "nginx", 617.0, goal=1.0),
        better("slower", "MB/s", 617.0, "nginx", 1234.0, goal=1.0),
        Row("alone", 1.5, "KB", "", None, "", None),
    ]
    lines = markdown(rows).splitlines()
    assert [" ".join(line.split()) for line in lines[2:]] == [
        "| faster | 1,234 MB/s | nginx: 617 MB/s | 2.00 | >= 1.0 x nginx | reached |",
        "| slower | 617 MB/s | nginx: 1,234 MB/s | 0.50 | >= 1.0 x nginx | missed |",
        "| alone | 1.5 KB | | | | |",
    ]
    assert len({len(line) for line in lines}) == 1
