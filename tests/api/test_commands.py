"""What may be run and sent; the rest of it is in test_execution.py and test_processes.py."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.api.commands import signal_number
from hatchway.errors import InvalidRequest


@given(st.sampled_from(sorted(signal.Signals.__members__)), st.booleans(), st.booleans())
def test_every_signal_has_its_name(name: str, prefixed: bool, lower: bool) -> None:
    given_name = name if prefixed else name.removeprefix("SIG")
    assert signal_number(given_name.lower() if lower else given_name) == signal.Signals[name]


@given(st.integers() | st.text() | st.floats() | st.none() | st.booleans() | st.binary())
def test_whatever_is_given_is_a_signal_or_one_error(value: object) -> None:
    try:
        number = signal_number(value)
    except InvalidRequest as error:
        assert error.code == "invalid_signal"  # noqa: PT017 - most values are none
        return
    assert 1 <= number <= 64
    assert value == number if isinstance(value, int) else isinstance(value, str)


@pytest.mark.parametrize("number", [1, 15, 32, 64])
def test_numbers_need_no_name(number: int) -> None:
    assert signal_number(number) == number
