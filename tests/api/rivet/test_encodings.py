from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rivet.js_strategies import outputs, same, values
from hatchway.api.rivet import bare, cbor
from hatchway.api.rivet.encodings import (
    VERSIONS,
    Encoding,
    decode,
    parse_encoding,
    read_arguments,
    write_output,
)
from hatchway.api.rivet.js_values import UNDEFINED, tagged
from hatchway.errors import HatchwayError, InvalidRequest

encodings = st.sampled_from(Encoding)
versions = st.sampled_from(VERSIONS)
CODES = {"invalid_arguments", "invalid_message", "unknown_protocol_version"}


def body(encoding: Encoding, version: int, arguments: list[Any]) -> bytes:
    """As a client of a version writes it."""
    if encoding is Encoding.JSON:
        return json.dumps({"args": tagged(arguments, undefined=True)}).encode()
    if encoding is Encoding.CBOR:
        return cbor.encode({"args": arguments}, escape=False)
    return version.to_bytes(2, "little") + bare.data(cbor.encode(arguments, escape=version >= 4))


def output(encoding: Encoding, version: int, data: bytes) -> Any:
    """As a client of a version reads it."""
    if encoding is Encoding.JSON:
        return decode(encoding, data)["output"]
    if encoding is Encoding.CBOR:
        return cbor.decode(data, tags=version >= 4)["output"]
    reader = bare.Reader(data)
    assert reader.version() == version
    found = cbor.decode(reader.data(), tags=version >= 4)
    reader.end()
    return found


@given(encodings, versions, st.lists(values, max_size=4))
def test_arguments_of_every_client_are_read(encoding: Encoding, version: int, arguments: list[Any]) -> None:
    found, read = read_arguments(encoding, body(encoding, version, arguments), is_recent=version == 4)
    assert same(read, arguments)
    assert (found >= 4) == (version >= 4)
    if encoding is Encoding.BARE:
        assert found == version


@given(encodings, versions, values)
def test_outputs_are_read_by_every_client(encoding: Encoding, version: int, value: Any) -> None:
    read = output(encoding, version, write_output(encoding, version, value))
    if encoding is Encoding.JSON and version < 4:
        value = decode(encoding, json.dumps(tagged(value, undefined=False)).encode())
    assert same(read, value)


@given(encodings, versions, outputs)
def test_any_output_can_be_written(encoding: Encoding, version: int, value: Any) -> None:
    output(encoding, version, write_output(encoding, version, value))


@given(encodings, versions, st.lists(values, min_size=1, max_size=2))
def test_a_part_of_a_body_is_refused(encoding: Encoding, version: int, arguments: list[Any]) -> None:
    whole = body(encoding, version, arguments)
    for part in [*(whole[:end] for end in range(len(whole))), whole + b"\0"]:
        with pytest.raises(InvalidRequest) as caught:
            read_arguments(encoding, part, is_recent=True)
        assert caught.value.code in CODES


@given(encodings, st.binary(max_size=50) | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode))
def test_any_bytes_are_arguments_or_refused(encoding: Encoding, data: bytes) -> None:
    for each in (data, b"\x04\0" + bare.data(data), b'{"args":[' + data + b"]}"):
        try:
            version, arguments = read_arguments(encoding, each, is_recent=False)
        except InvalidRequest as error:
            if error.code not in CODES:
                raise
        else:
            assert version in VERSIONS
            assert isinstance(arguments, list)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"5",
        b"null",
        b'{"args":{}}',
        b'{"args":null}',
        b'{"args":["$Uint8Array",""]}',
        b"\xff",
    ],
)
def test_what_has_no_arguments(data: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_arguments(Encoding.JSON, data, is_recent=False)
    assert caught.value.code == "invalid_arguments"


@pytest.mark.parametrize("version", [0, 5, 256, 65535])
def test_other_versions_are_refused(version: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_arguments(Encoding.BARE, body(Encoding.BARE, version, []), is_recent=False)
    assert caught.value.code == "unknown_protocol_version"


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        (b"\x03\0\x07\x82\x19\x0b\xb8\x19\x01\x2c", [3000, 300]),
        (bytes.fromhex("03000b83626c73d840430102fff7"), ["ls", b"\1\2\xff", UNDEFINED]),
        (
            bytes.fromhex("04002383626c73826b2455696e743841727261796441514c2f826a24556e646566696e656400"),
            ["ls", b"\1\2\xff", UNDEFINED],
        ),
    ],
)
def test_as_real_clients_call(data: bytes, arguments: list[Any]) -> None:
    assert read_arguments(Encoding.BARE, data, is_recent=False) == (data[0], arguments)


def test_as_real_clients_are_answered() -> None:
    assert write_output(Encoding.BARE, 3, UNDEFINED) == b"\x03\0\x01\xf7"
    assert write_output(Encoding.JSON, 3, UNDEFINED) == b'{"output":null}'
    assert write_output(Encoding.JSON, 4, UNDEFINED) == b'{"output":["$Undefined",0]}'
    assert write_output(Encoding.CBOR, 3, UNDEFINED) == b"\xa1\x66output\xf7"


@pytest.mark.parametrize("encoding", Encoding)
def test_what_is_nested_too_deeply_is_refused(encoding: Encoding) -> None:
    value: Any = None
    for _ in range(5000):
        value = [value]
    with pytest.raises(HatchwayError) as caught:
        write_output(encoding, 4, value)
    assert caught.value.code == "answer_too_deep"


@pytest.mark.parametrize("encoding", Encoding)
def test_the_names_of_encodings(encoding: Encoding) -> None:
    assert parse_encoding(encoding.value) is encoding
    assert parse_encoding(None) is Encoding.JSON
    for name in (encoding.value.upper(), "", " json", "\ud800", "x" * 10**5):
        with pytest.raises(InvalidRequest) as caught:
            parse_encoding(name)
        assert caught.value.code == "invalid_encoding"


@given(encodings, st.text(st.characters()))
def test_text_in_any_encoding(encoding: Encoding, words: str) -> None:
    """Frames of a WebSocket may hold text."""
    try:
        decode(encoding, words)
    except InvalidRequest as error:
        if error.code != "invalid_arguments":
            raise
