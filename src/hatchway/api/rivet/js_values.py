"""Values that JavaScript has and JSON has not, as the client writes them: arrays of a tag and what it stands for. Pure.

An array of two whose first is text that begins with `$` would be taken for one; it gets one more `$` in front.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

from hatchway.api.schemas import unicode_text
from hatchway.errors import InvalidRequest

MAX_DEPTH = 64
"""How deep values may be nested."""


class Undefined:
    """JavaScript's `undefined`; there is one, `UNDEFINED`."""

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()


@dataclass(frozen=True, slots=True)
class BigInt:
    """A whole number, from 0 and below 2**64, that has to reach JavaScript as a BigInt."""

    value: int


def untagged(value: Any, depth: int = 0) -> Any:
    """A value as it was before it was written with tags: bytes as `bytes`, sets as lists.

    Raises:
        InvalidRequest: `invalid_arguments`: a tag that is none, or nested too deeply.
    """
    if depth > MAX_DEPTH:
        raise too_deep()
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], str) and value[0].startswith("$"):
            return _of_tag(value[0], value[1], depth)
        return [untagged(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {name: untagged(each, depth + 1) for name, each in value.items()}
    return number(value) if isinstance(value, float) else value


def number(value: float) -> int | float:
    """A number without a fraction as `int`: JavaScript has one kind of number."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _of_tag(tag: str, value: Any, depth: int) -> Any:
    if tag.startswith("$$"):
        return [tag[1:], untagged(value, depth + 1)]
    if tag == "$Undefined":
        return UNDEFINED
    if tag == "$Set" and isinstance(value, list):
        return [untagged(each, depth + 1) for each in value]
    if tag in {"$Uint8Array", "$ArrayBuffer"} and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequest("invalid_arguments", "bytes are not valid base64") from None
    if tag == "$BigInt" and isinstance(value, str) and len(value) <= 40:
        try:
            return int(value)
        except ValueError:
            pass
    raise InvalidRequest("invalid_arguments", "a value is written in a way that is not known here")


def tagged(value: Any, *, undefined: bool) -> Any:
    """A value as JSON can hold it.

    Args:
        value: to be written.
        undefined: whether the client knows the tag of `undefined`; if not, it gets null.
    """
    if value is UNDEFINED:
        return ["$Undefined", 0] if undefined else None
    if isinstance(value, BigInt):
        return ["$BigInt", str(value.value)]
    if isinstance(value, bytes):
        return ["$Uint8Array", base64.b64encode(value).decode()]
    if isinstance(value, (list, tuple)):
        return escaped([tagged(each, undefined=undefined) for each in value])
    if isinstance(value, dict):
        return {unicode_text(name): tagged(each, undefined=undefined) for name, each in value.items()}
    return unicode_text(value) if isinstance(value, str) else value


def escaped(values: list[Any]) -> list[Any]:
    """An array that nobody takes for a tag and its value."""
    if len(values) == 2 and isinstance(values[0], str) and values[0].startswith("$"):
        return ["$" + values[0], values[1]]
    return values


def too_deep() -> InvalidRequest:
    """What is said of a value that is nested too deeply."""
    return InvalidRequest("invalid_arguments", f"values may be nested {MAX_DEPTH} deep at most")
