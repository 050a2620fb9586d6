from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hatchway.errors import InvalidRequest
from hatchway.options import SMALLEST_DISK, Limits, PreviewOptions, VmOptions

not_a_count = st.integers(max_value=0) | st.booleans() | st.floats() | st.text() | st.none()


def test_defaults_are_the_references() -> None:
    options = PreviewOptions()
    assert options.default_expires_in_seconds == 3600
    assert options.max_expires_in_seconds == 86400


@given(st.integers(1), st.integers(1))
def test_the_default_is_at_most_the_maximum(default: int, maximum: int) -> None:
    if default <= maximum:
        assert PreviewOptions(default, maximum).default_expires_in_seconds == default
    else:
        with pytest.raises(InvalidRequest) as caught:
            PreviewOptions(default, maximum)
        assert str(default) in caught.value.message
        assert str(maximum) in caught.value.message


@given(not_a_count)
def test_lives_are_whole_seconds(value: Any) -> None:
    for name in ("default_expires_in_seconds", "max_expires_in_seconds"):
        with pytest.raises(InvalidRequest) as caught:
            PreviewOptions(**{name: value})
        assert caught.value.code == "invalid_option"
        assert name in caught.value.message


@given(not_a_count, st.sampled_from([field.name for field in dataclasses.fields(Limits)]))
def test_limits_are_whole_numbers_of_at_least_one(value: Any, name: str) -> None:
    assume(value is not None or name != "disk_bytes")
    with pytest.raises(InvalidRequest) as caught:
        Limits(**{name: value})
    assert name in caught.value.message


def test_a_disk_has_a_smallest_size() -> None:
    assert Limits().disk_bytes is None
    assert Limits(disk_bytes=SMALLEST_DISK).disk_bytes == SMALLEST_DISK
    with pytest.raises(InvalidRequest, match="16 MiB"):
        Limits(disk_bytes=SMALLEST_DISK - 1)


@pytest.mark.parametrize("weight", [1, 100, 10_000])
def test_cpu_weights(weight: int) -> None:
    assert Limits(cpu_weight=weight).cpu_weight == weight


def test_a_cpu_weight_that_cgroups_do_not_take() -> None:
    with pytest.raises(InvalidRequest, match="1 to 10000"):
        Limits(cpu_weight=10_001)


def test_options_cannot_be_changed_behind_a_servers_back() -> None:
    for options in (PreviewOptions(), Limits(), VmOptions()):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(options, dataclasses.fields(options)[0].name, 1)
