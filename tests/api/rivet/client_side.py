"""The client's side of its protocol, as its versions speak it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from hatchway.api.rivet import bare, cbor
from hatchway.api.rivet.encodings import Encoding
from hatchway.api.rivet.js_values import UNDEFINED, BigInt, tagged, untagged


@dataclass
class Dialect:
    """An encoding, in a version of the protocol."""

    encoding: Encoding
    version: int

    def __str__(self) -> str:
        return f"{self.encoding.value}-{self.version}"

    @property
    def agent(self) -> str:
        """What a client of this version says that it is."""
        return "RivetKit/2.3.19" if self.version == 4 else "RivetKit/2.2.1"

    def headers(self) -> dict[str, str]:
        """Of a request."""
        json_ = self.encoding is Encoding.JSON
        return {
            "x-rivet-encoding": self.encoding.value,
            "user-agent": self.agent,
            "content-type": "application/json" if json_ else "application/octet-stream",
        }

    def arguments(self, values: list[Any]) -> bytes:
        """The body of a call."""
        if self.encoding is Encoding.JSON:
            return json.dumps({"args": tagged(values, undefined=self.version == 4)}).encode()
        if self.encoding is Encoding.CBOR:
            return cbor.encode({"args": values}, escape=False)
        return self._version() + bare.data(cbor.encode(values, escape=self.version == 4))

    def output(self, answer: httpx.Response) -> Any:
        """What an action returned."""
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == self.encoding.media_type
        assert answer.headers["cache-control"] == "no-store"
        if self.encoding is Encoding.JSON:
            return untagged(json.loads(answer.content))["output"]
        if self.encoding is Encoding.CBOR:
            return cbor.decode(answer.content, tags=self.version == 4)["output"]
        reader = bare.Reader(answer.content)
        assert reader.version() == self.version
        found = cbor.decode(reader.data(), tags=self.version == 4)
        reader.end()
        return found

    # -- over a WebSocket

    def action(self, number: int, name: str, *arguments: Any) -> bytes | str:
        """A message that calls an action."""
        data = bare.uint(number) + bare.text(name)
        data += bare.data(cbor.encode(list(arguments), escape=self.version == 4))
        value = {"id": BigInt(number), "name": name, "args": list(arguments)}
        return self._message("ActionRequest", 0, value, data)

    def subscription(self, event: str, subscribe: bool = True) -> bytes | str:
        """A message that asks to be told of an event, or no longer."""
        value = {"eventName": event, "subscribe": subscribe}
        return self._message("SubscriptionRequest", 1, value, bare.text(event) + bytes([subscribe]))

    def read(self, message: bytes | str) -> tuple[str, dict[str, Any]]:
        """What the server said: its tag, and its fields."""
        if self.encoding is not Encoding.BARE:
            assert isinstance(message, str) == (self.encoding is Encoding.JSON)
            found = (
                untagged(json.loads(message))
                if isinstance(message, str)
                else cbor.decode(message, tags=self.version == 4)
            )
            return found["body"]["tag"], found["body"]["val"]
        assert isinstance(message, bytes)
        reader = bare.Reader(message)
        version, tag = reader.version(), reader.byte()
        value: dict[str, Any]
        if tag == 0:
            name, value = "Init", {"actorId": reader.text(), "connectionId": reader.text()}
        elif tag == 1:
            name = "Error"
            value = {"group": reader.text(), "code": reader.text(), "message": reader.text()}
            value["metadata"] = self._value(reader) if reader.flag() else None
            value["actionId"] = reader.uint() if reader.flag() else None
            assert version < 4 or not reader.flag()
        elif tag == 2:
            name, value = "ActionResponse", {"id": reader.uint(), "output": self._value(reader)}
        else:
            name, value = "Event", {"name": reader.text(), "args": self._value(reader)}
        reader.end()
        return name, {**value, "version": version}

    def _value(self, reader: bare.Reader) -> Any:
        return cbor.decode(reader.data(), tags=self.version == 4)

    def _message(self, tag: str, number: int, value: dict[str, Any], data: bytes) -> bytes | str:
        if self.encoding is Encoding.BARE:
            return self._version() + bytes([number]) + data
        body = {"body": {"tag": tag, "val": value}}
        if self.encoding is Encoding.CBOR:
            return cbor.encode(body, escape=False)
        return json.dumps(tagged(body, undefined=self.version == 4))

    def _version(self) -> bytes:
        return self.version.to_bytes(2, "little")


DIALECTS = [Dialect(encoding, version) for encoding in Encoding for version in (3, 4)]
NOTHING = UNDEFINED


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """The status and code of a refusal, which has to be as the client reads it."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert set(found) == {"group", "code", "message", "metadata"}
    assert found["group"] == "hatchway"
    assert found["message"]
    return answer.status_code, found["code"]
