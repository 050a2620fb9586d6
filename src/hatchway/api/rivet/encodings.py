"""The bodies of actions over HTTP, in the three encodings between which a client chooses. Pure.

An answer is written in the version of the protocol in which the request was.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from hatchway.api.rivet import bare, cbor
from hatchway.api.rivet.bounds import check_json
from hatchway.api.rivet.js_values import tagged, untagged
from hatchway.errors import HatchwayError, InvalidRequest

VERSIONS = range(1, 5)
"""The versions of the protocol that clients up to 2.3 speak."""
ESCAPES_SINCE = 4
"""Since this one, CBOR holds the tags of `js_values`, as JSON always does, and what looks like one is escaped; but for
requests in CBOR, which never do."""


class Encoding(Enum):
    """How values are written."""

    JSON = "json"
    CBOR = "cbor"
    BARE = "bare"

    @property
    def media_type(self) -> str:
        """Of a body in it."""
        return "application/json" if self is Encoding.JSON else "application/octet-stream"


def parse_encoding(name: str | None) -> Encoding:
    """The encoding with this name; JSON if none is named.

    Raises:
        InvalidRequest: `invalid_encoding`.
    """
    try:
        return Encoding.JSON if name is None else Encoding(name)
    except ValueError:
        raise InvalidRequest("invalid_encoding", "the encoding must be json, cbor or bare") from None


def read_arguments(encoding: Encoding, body: bytes, *, is_recent: bool) -> tuple[int, list[Any]]:
    """The version in which a request is written, and what it calls its action with.

    Args:
        encoding: of the body.
        body: of the request.
        is_recent: the client speaks version 4, where the body does not say.

    Raises:
        InvalidRequest: `invalid_arguments`, `invalid_message`, `too_many_values`, `unknown_protocol_version`.
    """
    version = ESCAPES_SINCE if is_recent else 1
    if encoding is Encoding.BARE:
        reader = bare.Reader(body)
        version = check_version(reader.version())
        arguments = cbor.decode(reader.data(), tags=version >= ESCAPES_SINCE)
        reader.end()
    else:
        request = decode(encoding, body)
        arguments = request.get("args") if isinstance(request, dict) else None
    if not isinstance(arguments, list):
        raise InvalidRequest("invalid_arguments", "the arguments of an action must be an array")
    return version, arguments


def write_output(encoding: Encoding, version: int, output: Any) -> bytes:
    """The body of the answer to an action.

    Raises:
        HatchwayError: `answer_too_deep`: the output is nested too deeply to be written.
    """
    try:
        if encoding is Encoding.JSON:
            return msgspec.json.encode({"output": tagged(output, undefined=version >= ESCAPES_SINCE)})
        escape = version >= ESCAPES_SINCE
        if encoding is Encoding.CBOR:
            return cbor.encode({"output": output}, escape=escape)
        return version.to_bytes(2, "little") + bare.data(cbor.encode(output, escape=escape))
    except RecursionError:
        raise too_deep_to_tell() from None


def decode(encoding: Encoding, data: bytes | str) -> Any:
    """A value in JSON or CBOR; or `InvalidRequest` `invalid_arguments` or `too_many_values`."""
    if encoding is Encoding.CBOR:
        if isinstance(data, str):
            raise InvalidRequest("invalid_arguments", "what is in CBOR is sent as bytes")
        return cbor.decode(data, tags=False)
    try:
        check_json(data.encode() if isinstance(data, str) else data)
        return untagged(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidRequest("invalid_arguments", "what was sent is not JSON in UTF-8") from None


def check_version(version: int) -> int:
    """A version of the protocol; or `InvalidRequest` `unknown_protocol_version`."""
    if version not in VERSIONS:
        raise InvalidRequest(
            "unknown_protocol_version",
            f"this server speaks versions {VERSIONS[0]} to {VERSIONS[-1]} of the client's protocol",
            "docs/from-rivet.md says which versions of the package are tested",
        )
    return version


def too_deep_to_tell() -> HatchwayError:
    """What is said where an answer is nested so deeply that it cannot be written."""
    return HatchwayError("answer_too_deep", "the answer is nested too deeply", "ask for a part of it")
