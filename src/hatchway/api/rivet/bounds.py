"""How many values one message may hold. Pure.

Each costs far more in memory and time than the byte or two that it takes on the wire, so they are counted before
anything is made of them. What holds a file has few, however long it is.
"""

from __future__ import annotations

import re

from hatchway.errors import InvalidRequest

MAX_VALUES = 100_000
"""How many values a message holds at most."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_LENGTH_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}
_BYTES, _TEXT = 2, 3


def check_json(data: bytes) -> None:
    """Refuse what has too many values; whether it is JSON is not looked at.

    Raises:
        InvalidRequest: `too_many_values`.
    """
    if len(data) <= MAX_VALUES:
        return
    values = at = 0
    while values <= MAX_VALUES:
        begin = data.find(b'"', at)
        end = len(data) if begin < 0 else begin
        values += sum(data.count(mark, at, end) for mark in (b",", b"[", b"{", b":"))
        string = None if begin < 0 else _STRING.match(data, begin)
        if string is None:
            break
        at = string.end()
    if values > MAX_VALUES:
        raise _too_many()


def check_cbor(data: bytes) -> None:
    """The same for CBOR (RFC 8949 section 3).

    Raises:
        InvalidRequest: `too_many_values`.
    """
    if len(data) <= MAX_VALUES:
        return
    values = at = 0
    while at < len(data):
        values += 1
        if values > MAX_VALUES:
            raise _too_many()
        kind, size = data[at] >> 5, data[at] & 0x1F
        at += 1
        if size in _LENGTH_BYTES:
            width = _LENGTH_BYTES[size]
            size = int.from_bytes(data[at : at + width], "big")
            at += width
        elif size > 27:
            size = 0  # of no length, or of none that is known yet
        if kind in {_BYTES, _TEXT}:
            at += size


def _too_many() -> InvalidRequest:
    return InvalidRequest(
        "too_many_values",
        f"one message holds at most {MAX_VALUES:,} values",
        "send bytes as a Uint8Array, and long lists in parts",
    )
