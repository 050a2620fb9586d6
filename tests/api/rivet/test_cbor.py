"""CBOR, there and back; and whatever else comes in."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.rivet.js_strategies import any_text, outputs, same, values
from hatchway.api.rivet import cbor
from hatchway.api.rivet.bounds import MAX_VALUES
from hatchway.api.rivet.js_values import UNDEFINED, BigInt
from hatchway.errors import InvalidRequest

ALL_TAGS = [*range(301), 1004, 43000, 43001, 2**32, 2**64 - 1]


def head(kind: int, value: int) -> bytes:
    if value < 24:
        return bytes([kind << 5 | value])
    width = next(width for width in (1, 2, 4, 8) if value < 1 << 8 * width)
    return bytes([kind << 5 | 23 + width.bit_length()]) + value.to_bytes(width, "big")


def refused(data: bytes, *, tags: bool = False, code: str = "invalid_arguments") -> None:
    with pytest.raises(InvalidRequest) as caught:
        cbor.decode(data, tags=tags)
    assert caught.value.code == code


@given(values, st.booleans())
@example(["$x", 1], True)
@example(["$x", 1], False)
@example(["$Undefined", 0], True)
@example([UNDEFINED, {"a": UNDEFINED}], True)
def test_round_trip_and_every_part_of_it_is_refused(value: Any, tags: bool) -> None:
    data = cbor.encode(value, escape=tags)
    assert same(cbor.decode(data, tags=tags), value)
    for end in range(len(data)):
        refused(data[:end], tags=tags)
    refused(data + b"\0", tags=tags)


@given(outputs, st.booleans())
@example("\ud800", False)
@example({"\udfff": ["\ud800"]}, True)
@example(math.nan, True)
@example(math.inf, True)
def test_any_output_can_be_written(value: Any, escape: bool) -> None:
    cbor.decode(cbor.encode(value, escape=escape), tags=escape)


@given(any_text)
def test_lone_surrogates_are_question_marks(words: str) -> None:
    shown = words.encode(errors="replace").decode()
    assert cbor.decode(cbor.encode([words, 0, 0], escape=False), tags=False) == [shown, 0, 0]


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_a_value_or_refused(data: bytes, tags: bool) -> None:
    try:
        value = cbor.decode(data, tags=tags)
    except InvalidRequest as error:
        if error.code != "invalid_arguments":
            raise
    else:
        plain(value)


@given(values, st.data())
def test_any_damaged_value_is_a_value_or_refused(value: Any, data: st.DataObject) -> None:
    written = bytearray(cbor.encode(value, escape=True))
    written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    for tags in (False, True):
        try:
            plain(cbor.decode(bytes(written), tags=tags))
        except InvalidRequest as error:
            if error.code != "invalid_arguments":
                raise


def plain(value: Any) -> None:
    """Nothing but what the actions know."""
    if isinstance(value, list):
        for each in value:
            plain(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            assert type(name) is str
            plain(each)
    else:
        assert value is UNDEFINED or value is None or type(value) in {bool, int, float, str, bytes}


BODIES = [
    bytes.fromhex(each)
    for each in (
        "00 20 80 60 40 820102 a0 f7 f6 f4 81c060 8261616162 820a6131 41ff 828080 fb7ff0000000000000 6128"
        " a16161616201 1a00ffffff c11a514b67b0 d81c80 d81d00"
    ).split()
]


@pytest.mark.parametrize("tag", ALL_TAGS)
def test_a_tag_is_known_or_refused(tag: int) -> None:
    for body in BODIES:
        for tags in (False, True):
            try:
                value = cbor.decode(head(6, tag) + body, tags=tags)
            except InvalidRequest as error:
                if error.code != "invalid_arguments":
                    raise
            else:
                assert tag in {2, 3, 64, 258, 55799}
                plain(value)


def test_what_the_known_tags_say() -> None:
    assert cbor.decode(head(6, 64) + b"\x42\xff\x00", tags=False) == b"\xff\x00"
    assert cbor.decode(head(6, 258) + b"\x83\x02\x01\x80", tags=False) == [2, 1, []]
    assert cbor.decode(head(6, 2) + b"\x49\x01" + bytes(8), tags=False) == 2**64
    for body in (b"\x60", b"\xa0", b"\x40", b"\x00"):
        refused(head(6, 258) + body)
    for body in (b"\x60", b"\x80", b"\x00"):
        refused(head(6, 64) + body)


@pytest.mark.parametrize("start", [b"\x81", b"\x9f", b"\xa1\x61a", b"\xc1", b"\xd8\x40", b"\xd9\x01\x02\x81"])
@pytest.mark.parametrize("times", [65, 200, 5000, 40_000])
def test_depth_is_bounded(start: bytes, times: int) -> None:
    refused(start * times + b"\0")
    refused(start * times)


@pytest.mark.parametrize("kind", range(2, 6))
@pytest.mark.parametrize("length", [2**20, 2**31 - 1, 2**32, 2**60, 2**63, 2**64 - 1])
def test_a_declared_length_takes_no_memory(kind: int, length: int) -> None:
    tracemalloc.start()
    try:
        refused(head(kind, length) + b"\0\0")
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_there_are_so_many_values() -> None:
    most = head(4, MAX_VALUES - 1) + b"\x80" * (MAX_VALUES - 1)
    assert len(cbor.decode(most, tags=False)) == MAX_VALUES - 1
    refused(head(4, MAX_VALUES) + b"\x80" * MAX_VALUES, code="too_many_values")
    refused(b"\x9f" + b"\x80" * 10**7 + b"\xff", code="too_many_values")
    refused(b"\xc1" * 10**7, code="too_many_values")
    file = b"\0" * 10**7
    assert cbor.decode(cbor2.dumps(["/f", file]), tags=False) == ["/f", file]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\x9f",
        b"\x9f\xff\xff",
        b"\x1c",
        b"\xf8\x10",
        b"\xe5",
        b"\xa1\x01\x02",  # names that are no text
        b"\xa1\x41a\x02",
        b"\xa1\xf6\x02",
        b"\xa1\x80\x02",
        b"\xa1\xa0\x02",
        b"\xa1\xf7\x02",
        b"\x63\xed\xa0\x80",  # a lone surrogate
        b"\x61\xff",
        b"\x7f\x41a\xff",  # bytes among text
        b"\x00\x00",
    ],
)
def test_what_is_no_value(data: bytes) -> None:
    refused(data)


def test_indefinite_lengths() -> None:
    assert cbor.decode(b"\x9f\x01\x9f\xff\xff", tags=False) == [1, []]
    assert cbor.decode(b"\xbf\x61a\x01\xff", tags=False) == {"a": 1}
    assert cbor.decode(b"\x7f\x61a\x61b\xff", tags=False) == "ab"
    assert cbor.decode(b"\x5f\x41a\x41b\xff", tags=False) == b"ab"


def test_as_real_clients_write() -> None:
    args = {"args": ["ls", b"\x01\x02\xff", UNDEFINED]}
    assert cbor.decode(bytes.fromhex("b900016461726773 83626c73d840430102fff7"), tags=False) == args
    assert cbor.decode(bytes.fromhex("83190bb8fb41f2a05f20000000f7"), tags=False) == [
        3000,
        5 * 10**9,
        UNDEFINED,
    ]
    recent = "83626c73826b2455696e74384172726179 6441514c2f826a24556e646566696e656400"
    assert cbor.decode(bytes.fromhex(recent), tags=True) == ["ls", b"\x01\x02\xff", UNDEFINED]
    assert cbor.decode(bytes.fromhex(recent), tags=False)[2] == ["$Undefined", 0]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (UNDEFINED, "f7"),
        ({"pid": 3}, "a16370696403"),
        (2**32 - 1, "1affffffff"),
        (2**32, "fb41f0000000000000"),
        (1_700_000_000_123, "fb4278bcfe5687b000"),
        (-(2**32), "3affffffff"),
        (-(2**32) - 1, "fbc1f0000000100000"),
        (b"\x01", "d8404101"),
        (BigInt(0), "1b0000000000000000"),
        (BigInt(2**64 - 1), "1bffffffffffffffff"),
        (True, "f5"),
    ],
)
def test_what_the_client_reads_as_a_number(value: Any, written: str) -> None:
    """A whole number in eight bytes is a BigInt to it; with bytes in JavaScript's sense around."""
    assert cbor.encode(value, escape=False).hex() == written


def test_what_looks_like_a_tag_is_escaped_if_wanted() -> None:
    assert cbor2.loads(cbor.encode([["$a", 1], ["$", 2, 3]], escape=True)) == [["$$a", 1], ["$", 2, 3]]
    assert cbor2.loads(cbor.encode([["$a", 1]], escape=False)) == [["$a", 1]]
