"""The key that names a VM: a string or a list of strings. Pure.

The same key always finds the same VM. A string is the list of that one string. A part holds at most 128
bytes, the whole key at most 1,024 (UTF-8); it has at most 128 parts, since empty ones
would not count otherwise. Parts may be empty and may hold any character but NUL: the canonical text escapes what
would make two keys collide.
"""

from __future__ import annotations

from collections.abc import Sequence

from hatchway.errors import InvalidRequest

MAX_PART_BYTES = 128
MAX_KEY_BYTES = 1024
MAX_PARTS = 128

Key = tuple[str, ...]


def parse_key(value: object) -> Key:
    """The key a user gave, checked.

    Args:
        value: a string, or a list or tuple of one or more strings.

    Returns:
        The parts as a tuple.

    Raises:
        InvalidRequest: `invalid_key`, naming the limit that was passed.
    """
    parts: Sequence[object]
    if isinstance(value, str):
        parts = (value,)
    elif isinstance(value, (list, tuple)):
        parts = value
    else:
        raise InvalidRequest("invalid_key", "a VM's key must be a string or a list of strings")
    if len(parts) > MAX_PARTS:
        raise InvalidRequest("invalid_key", f"a VM's key has at most {MAX_PARTS} parts, not {len(parts)}")
    if not parts:
        raise InvalidRequest("invalid_key", "a VM's key must have at least one part")
    key = []
    for part in parts:
        if not isinstance(part, str):
            raise InvalidRequest("invalid_key", "every part of a VM's key must be a string")
        if "\0" in part:
            raise InvalidRequest("invalid_key", "a VM's key must not contain NUL")
        try:
            size = len(part.encode())
        except UnicodeEncodeError:
            raise InvalidRequest("invalid_key", "a VM's key must be valid Unicode text") from None
        if size > MAX_PART_BYTES:
            raise InvalidRequest(
                "invalid_key", f"a part of a VM's key holds at most {MAX_PART_BYTES} bytes, not {size}"
            )
        key.append(part)
    total = sum(len(part.encode()) for part in key)
    if total > MAX_KEY_BYTES:
        raise InvalidRequest("invalid_key", f"a VM's key holds at most {MAX_KEY_BYTES} bytes, not {total}")
    if key == [""]:
        raise InvalidRequest("invalid_key", "a VM's key must not be empty")
    return tuple(key)


def format_key(key: Key) -> str:
    r"""The canonical text of a key: parts joined by `/`, with `\` as `\\` and `/` as `\/`."""
    return "/".join(part.replace("\\", "\\\\").replace("/", "\\/") for part in key)


def unformat_key(text: str) -> Key:
    """The key that `format_key` printed as `text`.

    Raises:
        InvalidRequest: `invalid_key`, if `format_key` never prints that: a backslash that escapes nothing.
    """
    parts = [""]
    characters = iter(text)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in {"\\", "/"}:
                raise InvalidRequest(
                    "invalid_key",
                    "a backslash in the text of a VM's key stands before a slash or another backslash",
                    "write a backslash as two",
                )
            parts[-1] += escaped
        elif character == "/":
            parts.append("")
        else:
            parts[-1] += character
    return tuple(parts)
