"""CBOR (RFC 8949) as the client's library speaks it. Pure."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import cbor2

from hatchway.api.rivet.bounds import check_cbor
from hatchway.api.rivet.js_values import MAX_DEPTH, UNDEFINED, BigInt, escaped, number, untagged
from hatchway.api.schemas import unicode_text
from hatchway.errors import InvalidRequest

_BYTES = 64
"""The tag of a typed array of bytes (RFC 8746 section 2.1)."""
_LARGEST_INT = 2**32
"""A whole number from here on is written as a float: the library would make a BigInt of it, which is no number."""


def _refuse(*_: object) -> NoReturn:
    raise ValueError("a kind of value that is not known here")


def _set(items: object, *_: object) -> list[Any]:
    """A set, in its order."""
    return list(items) if isinstance(items, (list, tuple)) else _refuse()


# What the library would make objects of by itself: dates, patterns, addresses, references that make circles, and so on.
_OF_TAGS: Mapping[int, Callable[..., Any]] = {
    **dict.fromkeys(
        (0, 1, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 260, 261, 1004, 43000), _refuse
    ),
    258: _set,
}


def _of_tag(tag: cbor2.CBORTag, *_: object) -> Any:
    if tag.tag == _BYTES and isinstance(tag.value, bytes):
        return tag.value
    return _refuse()


def decode(data: bytes, *, tags: bool) -> Any:
    """The value that `data` holds.

    Args:
        data: one value.
        tags: it may hold the tags of `js_values`.

    Raises:
        InvalidRequest: `invalid_arguments`: it is no value, more than one, or one that is not known here;
            `too_many_values`.
    """
    check_cbor(data)
    source = io.BytesIO(data)
    try:
        value = cbor2.load(
            source,
            tag_hook=_of_tag,
            semantic_decoders=_OF_TAGS,
            max_depth=MAX_DEPTH,
            strict_hashable_types=True,
        )
        if source.tell() != len(data):
            _refuse()
        value = _plain(value)
        return untagged(value) if tags else value
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidRequest("invalid_arguments", "what was sent is not a value in CBOR (RFC 8949)") from None


def encode(value: Any, *, escape: bool) -> bytes:
    """A value in CBOR.

    Args:
        value: to be written.
        escape: arrays that look like a tag and its value are written as something else: the client resolves them.
    """
    return cbor2.dumps(_for_library(value, escape), default=_write)


def _write(encoder: cbor2.CBOREncoder, value: Any) -> None:
    assert isinstance(value, BigInt)
    encoder.write(b"\x1b" + value.value.to_bytes(8, "big"))


def _plain(value: Any) -> Any:
    if value is cbor2.undefined:
        return UNDEFINED
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name if isinstance(name, str) else _refuse(): _plain(each) for name, each in value.items()}
    if isinstance(value, float):
        return number(value)
    if value is None or isinstance(value, (bool, int, str, bytes)):
        return value
    return _refuse()


def _for_library(value: Any, escape: bool) -> Any:
    if value is UNDEFINED:
        return cbor2.undefined
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -_LARGEST_INT <= value < _LARGEST_INT else float(value)
    if isinstance(value, bytes):
        return cbor2.CBORTag(_BYTES, value)
    if isinstance(value, (list, tuple)):
        written = [_for_library(each, escape) for each in value]
        return escaped(written) if escape else written
    if isinstance(value, dict):
        return {unicode_text(name): _for_library(each, escape) for name, each in value.items()}
    return unicode_text(value) if isinstance(value, str) else value
