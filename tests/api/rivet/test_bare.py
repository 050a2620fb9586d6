from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rivet.js_strategies import any_text, text
from hatchway.api.rivet import bare
from hatchway.errors import InvalidRequest

READS = ["version", "byte", "flag", "uint", "data", "text", "end"]


def refused(read: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read()  # type: ignore[operator]
    assert caught.value.code == "invalid_message"


@given(st.integers(0, 2**64 - 1), st.binary(max_size=300), text, st.booleans())
def test_what_is_printed_is_read_and_every_part_of_it_refused(
    number: int, data: bytes, words: str, flag: bool
) -> None:
    whole = bare.uint(number) + bare.data(data) + bare.text(words) + bytes([flag]) + b"\x03\x01"

    def read(source: bytes) -> tuple[object, ...]:
        reader = bare.Reader(source)
        found = (
            reader.uint(),
            reader.data(),
            reader.text(),
            reader.flag(),
            reader.version(),
        )
        reader.end()
        return found

    assert read(whole) == (number, data, words, flag, 0x0103)
    for end in range(len(whole)):
        refused(lambda end=end: read(whole[:end]))
    refused(lambda: read(whole + b"\0"))


@given(st.lists(st.sampled_from(READS), max_size=5), st.binary(max_size=40))
def test_any_bytes_are_values_or_refused(reads: list[str], source: bytes) -> None:
    reader = bare.Reader(source)
    try:
        for read in reads:
            getattr(reader, read)()
    except InvalidRequest as error:
        if error.code != "invalid_message":
            raise


@given(st.integers(0, 2**63 - 1))
def test_a_uint_has_one_form(number: int) -> None:
    written = bare.uint(number)
    assert len(written) == max(1, (number.bit_length() + 6) // 7)
    padded = written[:-1] + bytes([written[-1] | 0x80]) + b"\0"
    refused(bare.Reader(padded).uint)


@pytest.mark.parametrize(
    "source", [b"\x80\x00", b"\xff" * 9 + b"\x02", b"\xff" * 10, b"\xff" * 11, b"\x80" * 10 + b"\x01", b""]
)
def test_what_is_no_uint(source: bytes) -> None:
    refused(bare.Reader(source).uint)


def test_the_largest_uint() -> None:
    assert bare.uint(2**64 - 1) == b"\xff" * 9 + b"\x01"
    assert bare.Reader(b"\xff" * 9 + b"\x01").uint() == 2**64 - 1


@pytest.mark.parametrize("value", range(2, 256))
def test_a_flag_is_0_or_1(value: int) -> None:
    refused(bare.Reader(bytes([value])).flag)


def test_a_length_takes_no_memory() -> None:
    refused(bare.Reader(bare.uint(2**64 - 1) + b"x").data)
    refused(bare.Reader(bare.uint(2**62) + b"x").text)


@pytest.mark.parametrize("data", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80"])
def test_text_is_utf_8(data: bytes) -> None:
    refused(bare.Reader(bare.data(data)).text)


@given(any_text)
def test_any_text_can_be_written(words: str) -> None:
    assert bare.Reader(bare.text(words)).text() == words.encode(errors="replace").decode()


def test_what_may_be_missing() -> None:
    assert bare.optional(None) == b"\0"
    assert bare.optional(b"") == b"\1"
    assert bare.optional(b"x") == b"\1x"
