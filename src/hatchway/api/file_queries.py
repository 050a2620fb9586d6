"""What the query of a request says of files. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hatchway.api.operation import Parameter
from hatchway.api.paths import PATH_SCHEMA, validate_path
from hatchway.errors import InvalidRequest

_MODE = re.compile(rb"0*[0-7]{1,4}")
_DEPTH = re.compile(rb"0*[1-9][0-9]{0,8}")
_MAX_PATTERN_BYTES = 4095

PATH_RULE = (
    "Absolute, or relative to /home/user; percent-encoded bytes."
    " No `..`; at most 255 bytes a name, 4,095 in all."
)
PATH = Parameter("path", PATH_RULE, {"type": "string", **PATH_SCHEMA})
SOURCE = Parameter("from", f"What is moved. {PATH_RULE}", {"type": "string", **PATH_SCHEMA})
TARGET = Parameter("to", f"Where to. {PATH_RULE}", {"type": "string", **PATH_SCHEMA})
MODE = Parameter(
    "mode",
    "Permission bits in octal, such as 755.",
    {"type": "string", "pattern": "^0*[0-7]{1,4}$"},
    required=False,
)
MAX_DEPTH = Parameter(
    "max_depth",
    "How deep to go: 1 for the folder's own entries; by default all the way down.",
    {"type": "integer", "minimum": 1, "maximum": 999_999_999},
    required=False,
)
EXCLUDE = Parameter(
    "exclude",
    "A pattern of names to leave out, such as `node_modules` or `*.pyc`, or of relative paths if it holds a `/`;"
    " a folder that is left out is not entered. May be repeated.",
    {
        "type": "array",
        "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": _MAX_PATTERN_BYTES,
            "pattern": r"^[^\x00]*$",
        },
    },
    required=False,
    repeated=True,
)


def path(query: Mapping[str, bytes], name: str = "path") -> bytes:
    """The path that a parameter names, absolute.

    Raises:
        InvalidRequest: `invalid_path`.
    """
    value = query.get(name)
    if value is None:
        raise InvalidRequest("invalid_path", f"the query must have `{name}`", f"add {name}=/home/user/…")
    return validate_path(value)


def mode(query: Mapping[str, bytes]) -> int | None:
    """Permission bits, None if the query names none; or `InvalidRequest` `invalid_mode`."""
    text = query.get("mode")
    if text is None:
        return None
    if _MODE.fullmatch(text) is None:
        raise InvalidRequest(
            "invalid_mode", "mode must be permission bits in octal, 0 to 7777", "such as mode=755"
        )
    return int(text, 8)


def max_depth(query: Mapping[str, bytes]) -> int | None:
    """How deep to go, None for no bound; or `InvalidRequest` `invalid_query`."""
    text = query.get("max_depth")
    if text is None:
        return None
    if _DEPTH.fullmatch(text) is None:
        raise InvalidRequest("invalid_query", "`max_depth` must be a whole number of at least 1")
    return int(text)


def patterns(given: list[bytes]) -> list[bytes]:
    """What to leave out; or `InvalidRequest` `invalid_query`."""
    for pattern in given:
        if not pattern or b"\0" in pattern or len(pattern) > _MAX_PATTERN_BYTES:
            raise InvalidRequest(
                "invalid_query", f"`exclude` must hold 1 to {_MAX_PATTERN_BYTES} bytes without NUL"
            )
    return given
