from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.rivet.js_strategies import outputs, same, values
from hatchway.api.rivet.js_values import MAX_DEPTH, UNDEFINED, BigInt, number, tagged, untagged
from hatchway.errors import InvalidRequest

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(
            st.sampled_from(
                ["$Uint8Array", "$ArrayBuffer", "$BigInt", "$Undefined", "$Set", "$$", "$", "$x"]
            ),
            inner,
        ).map(list)
        | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=10,
)


def refused(value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        untagged(value)
    assert caught.value.code == "invalid_arguments"


@given(values)
@example(["$Uint8Array", "AQ=="])
@example(["$$", ["$", UNDEFINED]])
def test_round_trip_through_json(value: Any) -> None:
    written = tagged(value, undefined=True)
    assert same(untagged(json.loads(json.dumps(written))), value)
    assert same(untagged(msgspec.json.decode(msgspec.json.encode(written))), value)


@given(outputs)
def test_any_output_can_be_written(value: Any) -> None:
    for undefined in (False, True):
        untagged(msgspec.json.decode(msgspec.json.encode(tagged(value, undefined=undefined))))


@given(json_values)
def test_any_json_is_a_value_or_refused(value: Any) -> None:
    try:
        untagged(value)
    except InvalidRequest as error:
        if error.code != "invalid_arguments":
            raise


@given(st.binary(max_size=50))
def test_bytes(data: bytes) -> None:
    written = base64.b64encode(data).decode()
    assert tagged(data, undefined=False) == ["$Uint8Array", written]
    assert untagged(["$Uint8Array", written]) == untagged(["$ArrayBuffer", written]) == data


@pytest.mark.parametrize(
    "value",
    [
        ["$Uint8Array", "?"],
        ["$Uint8Array", "A"],
        ["$Uint8Array", "AQ="],
        ["$Uint8Array", "AQ==\n"],
        ["$Uint8Array", "é"],
        ["$Uint8Array", "\ud800"],
        ["$Uint8Array", None],
        ["$Uint8Array", [1, 2]],
        ["$ArrayBuffer", 1],
        ["$BigInt", "1" * 41],
        ["$BigInt", "9" * 10**6],
        ["$BigInt", ""],
        ["$BigInt", "x"],
        ["$BigInt", 5],
        ["$Set", "ab"],
        ["$Set", {}],
        ["$", 1],
        ["$Date", 1],
        ["$undefined", 0],
    ],
)
def test_what_is_no_tag(value: Any) -> None:
    refused(value)
    refused({"a": [value]})


def test_each_tag() -> None:
    assert untagged(["$BigInt", "-5"]) == -5
    assert untagged(["$BigInt", str(2**64)]) == 2**64
    assert untagged(["$Set", [1, ["$Set", []]]]) == [1, []]
    assert untagged(["$Undefined", "anything"]) is UNDEFINED
    assert untagged(["$$Undefined", 0]) == ["$Undefined", 0]
    assert untagged(["$$$", 0]) == ["$$", 0]
    assert untagged(["$x"]) == ["$x"]
    assert untagged(["$x", 1, 2]) == ["$x", 1, 2]
    assert untagged({"$x": 1}) == {"$x": 1}
    assert tagged(BigInt(2**64 - 1), undefined=True) == ["$BigInt", "18446744073709551615"]
    assert tagged([UNDEFINED], undefined=False) == [None]
    assert tagged([UNDEFINED], undefined=True) == [["$Undefined", 0]]
    assert repr(UNDEFINED) == "UNDEFINED"


@pytest.mark.parametrize(
    "around",
    [lambda value: [value], lambda value: {"a": value}, lambda v: ["$$", v], lambda v: ["$Set", [v]]],
)
def test_depth_is_bounded(around: Any) -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = around(value)
    untagged(value)
    refused(around(value))


@given(st.floats())
def test_there_is_one_kind_of_number(value: float) -> None:
    assert same(number(value), value)
    assert isinstance(number(value), int) == (value.is_integer() and abs(value) < 2**53)
