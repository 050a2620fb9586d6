from __future__ import annotations

import segno
from hypothesis import given
from hypothesis import strategies as st

from hatchway.cli.qr_code import QUIET_ZONE, qr_lines

URL = "http://abcdefghijklmnopqrstuvwxyz012345.localhost:6420/"
MODULES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def modules(lines: list[str]) -> list[list[int]]:
    """What is drawn, module by module."""
    return [[MODULES[character][half] for character in line] for line in lines for half in (0, 1)]


@given(st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=300))
def test_every_module_is_drawn_and_has_its_quiet_zone(text: str) -> None:
    drawn = modules(qr_lines(text))
    code = [list(row) for row in segno.make(text, micro=False, error="m").matrix]
    size = len(code)
    inside = [row[QUIET_ZONE:-QUIET_ZONE] for row in drawn[QUIET_ZONE : QUIET_ZONE + size]]
    assert inside == code
    around = sum(map(sum, drawn)) - sum(map(sum, code))
    assert around == 0
    assert len(drawn[0]) == size + 2 * QUIET_ZONE
    assert len(drawn) >= size + 2 * QUIET_ZONE


@given(st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=300))
def test_inverted_is_the_opposite_everywhere(text: str) -> None:
    plain, inverted = modules(qr_lines(text)), modules(qr_lines(text, inverted=True))
    assert [[1 - module for module in row] for row in plain] == inverted


def test_a_preview_fits_a_usual_terminal() -> None:
    lines = qr_lines(URL)
    assert len(lines) <= 23
    assert {len(line) for line in lines} == {41}
