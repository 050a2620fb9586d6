"""Values in Python and in JavaScript."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rivet.client_process import NpmClient
from rivet.npm_client import Installed
from rivet.values import UNDEFINED, ArrayBuffer, BigInt, from_json, to_json

HARD: list[Any] = [
    *(None, True, False, UNDEFINED, "", "$Uint8Array", "é\U0001f600\0", "\ud800"),
    *(0, -1, 2**31, 2**32, 2**53, -(2**53), 5_000_000_000, 1.5, 5e-324, 1e300, 1e21, -0.0),
    *(math.nan, math.inf, -math.inf, BigInt(0), BigInt(-(2**70)), BigInt(2**64)),
    *(bytes(range(256)), b"", ArrayBuffer(bytes(range(256))), ArrayBuffer(b"")),
    datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    *([], {}, [[]], [None, UNDEFINED], ["$Uint8Array", "AQI="], {"t": "undefined"}, {"__proto__": 1, "": 2}),
    {"a": [{"b": [b"\xff", {"c": UNDEFINED}, BigInt(7), -0.0]}]},
]

_leaves = (
    st.none()
    | st.booleans()
    | st.just(UNDEFINED)
    | st.integers(-(2**53), 2**53)
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.binary().map(ArrayBuffer)
    | st.integers().map(BigInt)
    | st.integers(0, 4 * 10**12).map(
        lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    )
)
_values = st.recursive(
    _leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def shown(value: object) -> str:
    """A value as text that tells apart what `==` does not; a whole float is an int, as JavaScript has one number."""
    match value:
        case float() if value.is_integer() and abs(value) <= 2**53 and repr(value) != "-0.0":
            return f"int {int(value)}"
        case list():
            return "[" + ", ".join(map(shown, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{name!r}: {shown(each)}" for name, each in value.items()) + "}"
        case _:
            return f"{type(value).__name__} {value!r}"


@given(_values)
def test_a_value_is_the_same_after_json(value: object) -> None:
    assert shown(from_json(json.loads(json.dumps(to_json(value))))) == shown(value)


@given(_values)
def test_what_is_written_is_json_of_the_standard(value: object) -> None:
    json.dumps(to_json(value), allow_nan=False)


@pytest.mark.parametrize(
    "value", [2**53 + 1, -(2**60), {1, 2}, object(), datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)]
)
def test_what_javascript_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        to_json(value)


@pytest.mark.parametrize("said", [{}, {"t": "?"}, {"t": "Uint8Array", "v": 1}, {"t": "object", "v": {}}])
def test_what_the_driver_does_not_write_is_refused(said: object) -> None:
    with pytest.raises(ValueError):
        from_json(said)


async def test_hard_values_go_through_javascript(npm_client: Installed) -> None:
    async with NpmClient(npm_client.folder, "http://127.0.0.1:1") as client:
        for value in HARD:
            assert shown(await client.echo(value)) == shown(value)
        assert shown(await client.echo(HARD)) == shown(HARD)
