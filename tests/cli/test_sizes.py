from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.cli.sizes import size

POWERS = {"bytes": 0, "KiB": 1, "MiB": 2, "GiB": 3, "TiB": 4}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536 * 1024, "1.5 MiB"),
        (1024**2 - 1, "1.0 MiB"),
        (2**30, "1.0 GiB"),
        (5000 * 2**40, "5000.0 TiB"),
    ],
)
def test_examples(count: int, text: str) -> None:
    assert size(count) == text


@given(st.integers(0, 2**50))
def test_what_is_shown_is_near_what_is_meant(count: int) -> None:
    found = re.fullmatch(r"([0-9]{1,4}(?:\.[0-9])?) (bytes|[KMGT]iB)", size(count))
    assert found is not None
    assert abs(float(found[1]) * 1024 ** POWERS[found[2]] - count) <= 0.06 * 1024 ** POWERS[found[2]]
