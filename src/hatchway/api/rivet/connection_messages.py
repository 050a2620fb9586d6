"""The messages of a connection: what the client asks for, and what it is told. Pure.

In JSON and CBOR they are objects with a tag; in BARE they begin with the protocol's version.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from hatchway.api.rivet import bare, cbor
from hatchway.api.rivet.encodings import ESCAPES_SINCE, Encoding, check_version, decode, too_deep_to_tell
from hatchway.api.rivet.errors import Failure
from hatchway.api.rivet.js_values import BigInt, tagged

FIRST_VERSION = 2
"""What `Init` is written in, before the client's first message says its version: all of them read this one."""

_INIT, _ERROR, _ACTION_RESPONSE, _EVENT = range(4)
_ACTION_REQUEST, _SUBSCRIPTION_REQUEST = range(2)


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """The client calls an action."""

    id: int
    name: str
    arguments: list[Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """The client wants to be told of an event, or no longer."""

    event: str
    subscribe: bool


def read(encoding: Encoding, message: bytes | str) -> tuple[int | None, ActionRequest | SubscriptionRequest]:
    """A client's message, and the version it is written in; None where the encoding does not say.

    Raises:
        InvalidRequest: `invalid_arguments`, `invalid_message`, `unknown_protocol_version`.
    """
    if encoding is Encoding.BARE:
        if isinstance(message, str):
            raise bare.invalid_message()
        return _read_bare(bare.Reader(message))
    found = decode(encoding, message)
    body = found.get("body") if isinstance(found, dict) else None
    value = body.get("val") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(value, dict):
        raise bare.invalid_message()
    if body.get("tag") == "ActionRequest":
        number, name, arguments = value.get("id"), value.get("name"), value.get("args")
        if (
            isinstance(number, int)
            and not isinstance(number, bool)
            and 0 <= number < 2**64
            and isinstance(name, str)
            and isinstance(arguments, list)
        ):
            return None, ActionRequest(number, name, arguments)
    if body.get("tag") == "SubscriptionRequest":
        event, subscribe = value.get("eventName"), value.get("subscribe")
        if isinstance(event, str) and isinstance(subscribe, bool):
            return None, SubscriptionRequest(event, subscribe)
    raise bare.invalid_message()


def _read_bare(reader: bare.Reader) -> tuple[int, ActionRequest | SubscriptionRequest]:
    version = check_version(reader.version())
    tag = reader.byte()
    request: ActionRequest | SubscriptionRequest
    if tag == _ACTION_REQUEST:
        number, name = reader.uint(), reader.text()
        arguments = cbor.decode(reader.data(), tags=version >= ESCAPES_SINCE)
        if not isinstance(arguments, list):
            raise bare.invalid_message()
        request = ActionRequest(number, name, arguments)
    elif tag == _SUBSCRIPTION_REQUEST:
        request = SubscriptionRequest(reader.text(), reader.flag())
    else:
        raise bare.invalid_message()
    reader.end()
    return version, request


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes what the client is told.

    Args:
        encoding: of the connection.
        version: of the protocol, as the client speaks it.
    """

    encoding: Encoding
    version: int

    def init(self, actor_id: str, connection_id: str) -> bytes:
        """The first message."""
        value = {"actorId": actor_id, "connectionId": connection_id}
        return self._write("Init", value, _INIT, bare.text(actor_id) + bare.text(connection_id))

    def output(self, action_id: int, output: Any) -> bytes:
        """What an action returns.

        Raises:
            HatchwayError: `answer_too_deep`.
        """
        written = bare.uint(action_id) + self._data(output)
        return self._write(
            "ActionResponse", {"id": BigInt(action_id), "output": output}, _ACTION_RESPONSE, written
        )

    def event(self, name: str, arguments: list[Any]) -> bytes:
        """Something has happened."""
        written = bare.text(name) + self._data(arguments)
        return self._write("Event", {"name": name, "args": arguments}, _EVENT, written)

    def error(self, failure: Failure, action_id: int | None) -> bytes:
        """An action was refused; with no action, what the client sent."""
        value: dict[str, Any] = {
            "group": failure.group,
            "code": failure.code,
            "message": failure.message,
            "metadata": failure.metadata,
            "actionId": None if action_id is None else BigInt(action_id),
        }
        written = (
            bare.text(failure.group)
            + bare.text(failure.code)
            + bare.text(failure.message)
            + bare.optional(self._data(failure.metadata))
            + bare.optional(None if action_id is None else bare.uint(action_id))
        )
        if self.version >= ESCAPES_SINCE:
            written += bare.optional(None)  # of which actor: the client knows
        return self._write("Error", value, _ERROR, written)

    def _data(self, value: Any) -> bytes:
        if self.encoding is not Encoding.BARE:
            return b""
        try:
            return bare.data(cbor.encode(value, escape=self.version >= ESCAPES_SINCE))
        except RecursionError:
            raise too_deep_to_tell() from None

    def _write(self, tag: str, value: dict[str, Any], number: int, written: bytes) -> bytes:
        if self.encoding is Encoding.BARE:
            return self.version.to_bytes(2, "little") + bytes([number]) + written
        message = {"body": {"tag": tag, "val": value}}
        try:
            if self.encoding is Encoding.CBOR:
                return cbor.encode(message, escape=self.version >= ESCAPES_SINCE)
            return msgspec.json.encode(tagged(message, undefined=self.version >= ESCAPES_SINCE))
        except RecursionError:
            raise too_deep_to_tell() from None
