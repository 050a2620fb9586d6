from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from hatchway.errors import InvalidRequest
from hatchway.gateway.limits import GatewayLimits

FIELDS = {each.name: each.default for each in dataclasses.fields(GatewayLimits)}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [-1, True, None, "5", float("nan"), float("inf")])
def test_what_is_no_limit(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        GatewayLimits(**{name: value})
    assert caught.value.code == "invalid_setting"
    assert name in caught.value.message


@pytest.mark.parametrize("name", FIELDS)
def test_whole_numbers_are_allowed_everywhere_and_others_for_times(name: str) -> None:
    assert getattr(GatewayLimits(**{name: 7}), name) == 7
    if name.endswith("_seconds"):
        assert getattr(GatewayLimits(**{name: 0.5}), name) == 0.5  # type: ignore[arg-type]
    else:
        with pytest.raises(InvalidRequest, match="whole number"):
            GatewayLimits(**{name: 0.5})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FIELDS)
def test_only_the_wait_can_be_none_at_all(name: str) -> None:
    if name == "wait_seconds":
        assert GatewayLimits(wait_seconds=0).wait_seconds == 0
    else:
        with pytest.raises(InvalidRequest, match="greater than 0"):
            GatewayLimits(**{name: 0})
