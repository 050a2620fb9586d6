from __future__ import annotations

import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rivet.js_strategies import any_text, outputs, same, text, values
from hatchway.api.rivet import bare, cbor
from hatchway.api.rivet.connection_messages import ActionRequest, SubscriptionRequest, Writer, read
from hatchway.api.rivet.encodings import VERSIONS, Encoding
from hatchway.api.rivet.errors import Failure
from hatchway.api.rivet.js_values import UNDEFINED, BigInt, tagged
from hatchway.errors import HatchwayError, InvalidRequest

encodings = st.sampled_from(Encoding)
versions = st.sampled_from(VERSIONS)
ids = st.integers(0, 2**64 - 1)
CODES = {"invalid_arguments", "invalid_message", "unknown_protocol_version"}


def written(encoding: Encoding, version: int, message: ActionRequest | SubscriptionRequest) -> bytes | str:
    """As a client of a version writes it."""
    value: dict[str, Any]
    if isinstance(message, ActionRequest):
        tag = "ActionRequest"
        value = {"id": BigInt(message.id), "name": message.name, "args": message.arguments}
        data = b"\0" + bare.uint(message.id) + bare.text(message.name)
        data += bare.data(cbor.encode(message.arguments, escape=version >= 4))
    else:
        tag = "SubscriptionRequest"
        value = {"eventName": message.event, "subscribe": message.subscribe}
        data = b"\1" + bare.text(message.event) + bytes([message.subscribe])
    if encoding is Encoding.BARE:
        return version.to_bytes(2, "little") + data
    body = {"body": {"tag": tag, "val": value}}
    if encoding is Encoding.CBOR:
        return cbor.encode(body, escape=False)
    return json.dumps(tagged(body, undefined=True))


@given(encodings, versions, ids, text, st.lists(values, max_size=3))
def test_actions_of_every_client_are_read(
    encoding: Encoding, version: int, number: int, name: str, arguments: list[Any]
) -> None:
    data = written(encoding, version, ActionRequest(number, name, arguments))
    found, request = read(encoding, data)
    assert found == (version if encoding is Encoding.BARE else None)
    assert isinstance(request, ActionRequest)
    assert (request.id, request.name) == (number, name)
    assert same(request.arguments, arguments)
    for end in range(len(data)):
        refused(encoding, data[:end])


@given(encodings, versions, text, st.booleans())
def test_subscriptions_of_every_client_are_read(
    encoding: Encoding, version: int, event: str, subscribe: bool
) -> None:
    data = written(encoding, version, SubscriptionRequest(event, subscribe))
    found, request = read(encoding, data)
    assert found == (version if encoding is Encoding.BARE else None)
    assert request == SubscriptionRequest(event, subscribe)
    for end in range(len(data)):
        refused(encoding, data[:end])
    if isinstance(data, bytes):
        refused(encoding, data + b"\0")


def refused(encoding: Encoding, data: bytes | str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(encoding, data)
    assert caught.value.code in CODES


@given(encodings, st.binary(max_size=60) | st.text(st.characters(), max_size=30))
def test_anything_is_a_request_or_refused(encoding: Encoding, data: bytes | str) -> None:
    try:
        read(encoding, data)
    except InvalidRequest as error:
        if error.code not in CODES:
            raise


@given(st.sampled_from([Encoding.JSON, Encoding.CBOR]), values)
def test_any_value_is_a_request_or_refused(encoding: Encoding, value: Any) -> None:
    for each in (value, {"body": value}, {"body": {"tag": "ActionRequest", "val": value}}):
        data = (
            cbor.encode(each, escape=False)
            if encoding is Encoding.CBOR
            else json.dumps(tagged(each, undefined=True))
        )
        refused(encoding, data)


@pytest.mark.parametrize(
    "number",
    [
        -1,
        2**64,
        1.5,
        True,
        None,
        "1",
        ["$BigInt", "-1"],
        ["$BigInt", "18446744073709551616"],
        ["$BigInt", "x"],
    ],
)
def test_an_id_is_a_number_of_64_bits(number: Any) -> None:
    value = {"id": number, "name": "exec", "args": []}
    refused(Encoding.JSON, json.dumps({"body": {"tag": "ActionRequest", "val": value}}))
    refused(Encoding.CBOR, cbor2.dumps({"body": {"tag": "ActionRequest", "val": value}}))


@pytest.mark.parametrize(
    "data", ["0300 02", "0300 ff", "0500 00", "0000 00", "0300 01 0161 02", "0300 00 00 0161 01 00"]
)
def test_what_is_no_message(data: str) -> None:
    refused(Encoding.BARE, bytes.fromhex(data))


def test_text_is_no_bare_message() -> None:
    refused(Encoding.BARE, "\x03\0\1\0\1")
    refused(Encoding.CBOR, "\ud800")


@pytest.mark.parametrize(
    ("encoding", "data", "version", "request_"),
    [
        (
            Encoding.JSON,
            (
                '{"body":{"tag":"ActionRequest","val":{"id":["$BigInt","0"],"name":"spawn",'
                '"args":["node",["/x"],null,["$Uint8Array","CQ=="]]}}}'
            ),
            None,
            ActionRequest(0, "spawn", ["node", ["/x"], None, b"\t"]),
        ),
        (
            Encoding.BARE,
            bytes.fromhex("03000000 05737061776e 0f 84646e6f646581622f78f7d8404109"),
            3,
            ActionRequest(0, "spawn", ["node", ["/x"], UNDEFINED, b"\t"]),
        ),
        (
            Encoding.BARE,
            bytes.fromhex(
                "04000000 05737061776e 29 84646e6f646581622f78826a24556e646566696e656400"
                "826b2455696e743841727261796443513d3d"
            ),
            4,
            ActionRequest(0, "spawn", ["node", ["/x"], UNDEFINED, b"\t"]),
        ),
        (
            Encoding.BARE,
            bytes.fromhex("030001 0d70726f636573734f7574707574 01"),
            3,
            SubscriptionRequest("processOutput", True),
        ),
        (
            Encoding.CBOR,
            bytes.fromhex(
                "b9000164626f6479b900026374616773"
                + b"SubscriptionRequest".hex()
                + "6376616cb90002696576656e744e616d6561656973756273637269626 5f4".replace(" ", "")
            ),
            None,
            SubscriptionRequest("e", False),
        ),
    ],
    ids=["json", "bare 3", "bare 4", "bare subscription", "cbor subscription"],
)
def test_as_real_clients_write(
    encoding: Encoding, data: bytes | str, version: int | None, request_: Any
) -> None:
    assert read(encoding, data) == (version, request_)


FAILURE = Failure("g", "c", "m", {})


def test_as_clients_read_bare() -> None:
    writer = Writer(Encoding.BARE, 2)
    assert writer.init("abc-1", "conn-1").hex() == "020000056162632d3106636f6e6e2d31"
    assert Writer(Encoding.BARE, 3).output(300, UNDEFINED).hex() == "030002ac0201f7"
    assert Writer(Encoding.BARE, 3).event("e", [1]).hex() == "0300030165028101"
    assert Writer(Encoding.BARE, 3).error(FAILURE, None).hex() == "03000101670163016d0101a000"
    assert Writer(Encoding.BARE, 3).error(FAILURE, 5).hex() == "03000101670163016d0101a00105"
    assert Writer(Encoding.BARE, 4).error(FAILURE, 5).hex() == "04000101670163016d0101a0010500"


@given(st.sampled_from([Encoding.JSON, Encoding.CBOR]), versions, ids, outputs, any_text)
def test_what_is_written_as_an_object(
    encoding: Encoding, version: int, number: int, value: Any, name: str
) -> None:
    writer = Writer(encoding, version)

    def body(data: bytes) -> Any:
        if encoding is Encoding.CBOR:
            return cbor.decode(data, tags=version >= 4)["body"]
        return json.loads(data)["body"]

    wanted = ["$BigInt", str(number)] if encoding is Encoding.JSON else number
    found = body(writer.output(number, value))
    assert (found["tag"], found["val"]["id"], set(found["val"])) == (
        "ActionResponse",
        wanted,
        {"id", "output"},
    )
    found = body(writer.event(name, [value]))
    assert (found["tag"], set(found["val"])) == ("Event", {"name", "args"})
    assert found["val"]["name"] == name.encode(errors="replace").decode()
    found = body(writer.error(Failure("g", "c", name, {"hint": name}), None))["val"]
    assert set(found) == {"group", "code", "message", "metadata", "actionId"}
    assert found["actionId"] is None
    assert body(writer.error(FAILURE, number))["val"]["actionId"] == wanted
    assert body(writer.init("a", "b")) == {"tag": "Init", "val": {"actorId": "a", "connectionId": "b"}}


def test_an_id_in_cbor_is_a_bigint_to_javascript() -> None:
    assert bytes.fromhex("1b0000000000000000") in Writer(Encoding.CBOR, 3).output(0, None)


@given(versions, ids, outputs, any_text)
def test_what_is_written_in_bare(version: int, number: int, value: Any, name: str) -> None:
    writer = Writer(Encoding.BARE, version)
    reader = bare.Reader(writer.output(number, value))
    assert (reader.version(), reader.byte(), reader.uint()) == (version, 2, number)
    cbor.decode(reader.data(), tags=version >= 4)
    reader.end()
    reader = bare.Reader(writer.event(name, [value]))
    assert (reader.version(), reader.byte()) == (version, 3)
    assert reader.text() == name.encode(errors="replace").decode()
    cbor.decode(reader.data(), tags=version >= 4)
    reader.end()


@pytest.mark.parametrize("encoding", Encoding)
def test_what_is_nested_too_deeply_is_refused(encoding: Encoding) -> None:
    value: Any = None
    for _ in range(5000):
        value = [value]
    for write in (lambda w: w.output(1, value), lambda w: w.event("e", [value])):
        with pytest.raises(HatchwayError) as caught:
            write(Writer(encoding, 3))  # type: ignore[no-untyped-call]
        assert caught.value.code == "answer_too_deep"


def test_arguments_are_in_no_repr() -> None:
    assert "secret" not in repr(ActionRequest(0, "exec", ["secret"]))
