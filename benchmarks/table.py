"""What a measurement is, and how it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table."""

    name: str
    value: float
    unit: str
    beside: str
    """What it was measured beside, with its value; empty where it stands alone."""
    ratio: float | None
    """How it compares with that; None where it stands alone."""
    goal: str
    """What is aimed for, in words; empty where nothing is."""
    met: bool | None
    """Whether the goal is reached; None without one."""


def better(
    name: str, unit: str, ours: float, other: str, theirs: float, *, goal: float | None, less: bool = False
) -> Row:
    """A row whose ratio says how many times better ours is, whatever the unit.

    Args:
        name: what was measured.
        unit: of both values.
        ours: our value.
        other: what it was measured beside.
        theirs: its value.
        goal: the least ratio aimed for; None if there is none.
        less: less is better.
    """
    ratio = theirs / ours if less else ours / theirs
    beside = f"{other}: {number(theirs)} {unit}"
    if goal is None:
        return Row(name, ours, unit, beside, ratio, "", None)
    return Row(name, ours, unit, beside, ratio, f">= {goal} x {other}", ratio >= goal)


def at_most(
    name: str, unit: str, ours: float, other: str, theirs: float, *, goal: float | None = None
) -> Row:
    """A row whose ratio says how many times as much ours is, which is to be little. Parameters as for `better`."""
    ratio = ours / theirs
    beside = f"{other}: {number(theirs)} {unit}"
    if goal is None:
        return Row(name, ours, unit, beside, ratio, "", None)
    return Row(name, ours, unit, beside, ratio, f"<= {goal} x {other}", ratio <= goal)


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table that can be read as text, too."""
    cells = [("What", "Measured", "Beside", "Ratio", "Goal", ""), *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def _cells(row: Row) -> tuple[str, str, str, str, str, str]:
    outcome = {True: "reached", False: "missed", None: ""}[row.met]
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return row.name, f"{number(row.value)} {row.unit}", row.beside, ratio, row.goal, outcome


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
