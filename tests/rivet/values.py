"""Values of JavaScript in Python, and as JSON that keeps what JSON has not.

| JavaScript | Python |
|---|---|
| `undefined` | `UNDEFINED` |
| `null` | `None` |
| number | `int` if it is whole and at most 2**53 from zero, else `float`; -0 is `-0.0` |
| BigInt | `BigInt` |
| `Uint8Array` | `bytes` |
| `ArrayBuffer` | `ArrayBuffer` |
| `Date` | `datetime`, in UTC, of whole milliseconds |
| array, object | `list`, `dict` |

As JSON, `null`, booleans, strings, finite numbers and arrays are themselves; everything else is
`{"t": its type, "v": its content}`, an object too, so that nothing needs to be escaped. `driver.mjs` has
the other side.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final

_EXACT = 2**53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Undefined(Enum):
    """The type of `UNDEFINED`."""

    UNDEFINED = "undefined"

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined.UNDEFINED
"""`undefined`, which is not `null`."""


class BigInt(int):
    """A BigInt."""

    def __repr__(self) -> str:
        return f"BigInt({int(self)})"


class ArrayBuffer(bytes):
    """An `ArrayBuffer`."""


def to_json(value: object) -> Any:
    """A value as what `json` writes.

    Raises:
        ValueError: no value of JavaScript is exactly this one.
    """
    match value:
        case None | bool() | str():
            return value
        case Undefined():
            return {"t": "undefined"}
        case BigInt():
            return {"t": "bigint", "v": str(int(value))}
        case int():
            if abs(value) > _EXACT:
                raise ValueError(f"{value} is no exact number; say BigInt or float")
            return int(value)
        case float():
            if not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0):
                return {"t": "number", "v": repr(value)}
            return value
        case ArrayBuffer():
            return {"t": "ArrayBuffer", "v": base64.b64encode(value).decode()}
        case bytes():
            return {"t": "Uint8Array", "v": base64.b64encode(value).decode()}
        case datetime():
            since = value - _EPOCH
            if since % _MILLISECOND:
                raise ValueError(f"{value} is not of whole milliseconds")
            return {"t": "Date", "v": since // _MILLISECOND}
        case list() | tuple():
            return [to_json(each) for each in value]
        case Mapping():
            return {"t": "object", "v": [[str(name), to_json(each)] for name, each in value.items()]}
        case _:
            raise ValueError(f"JavaScript has no {type(value).__name__}")


def from_json(said: Any) -> Any:
    """The value of what `json` has read.

    Raises:
        ValueError: it is not what `driver.mjs` writes.
    """
    match said:
        case None | bool() | str():
            return said
        case int():
            return said if abs(said) <= _EXACT else float(said)
        case float():
            return int(said) if said.is_integer() and abs(said) <= _EXACT else said
        case list():
            return [from_json(each) for each in said]
        case {"t": "undefined"}:
            return UNDEFINED
        case {"t": "bigint", "v": str(digits)}:
            return BigInt(digits)
        case {"t": "number", "v": str(name)}:
            return float(name)
        case {"t": "Uint8Array", "v": str(text)}:
            return base64.b64decode(text)
        case {"t": "ArrayBuffer", "v": str(text)}:
            return ArrayBuffer(base64.b64decode(text))
        case {"t": "Date", "v": int(milliseconds)}:
            return _EPOCH + milliseconds * _MILLISECOND
        case {"t": "object", "v": list(pairs)}:
            return {name: from_json(each) for name, each in pairs}
        case _:
            raise ValueError(f"not of the driver: {said!r}")
