r"""Keys as the client writes them. Pure.

Parts are joined by `/`; `\\` stands for a backslash, `\/` for a slash in a part, and `\0` for a part that is empty. The
key without parts is a single `/`.
"""

from __future__ import annotations

from hatchway.errors import InvalidRequest
from hatchway.vm.key import Key, parse_key

_NO_PARTS = "/"
_EMPTY = "\\0"


def format_actor_key(key: Key) -> str:
    """A key as the client writes it."""
    return "/".join(part.replace("\\", "\\\\").replace("/", "\\/") if part else _EMPTY for part in key)


def parse_actor_key(text: str) -> Key:
    """The key that a client wrote, within the limits of keys.

    Raises:
        InvalidRequest: `invalid_key`.
    """
    if text == _NO_PARTS:
        return parse_key([])
    parts: list[str] = []
    part, is_marked = "", False
    characters = iter(text + "/")
    for character in characters:
        if character == "\\":
            escaped = next(characters)
            if escaped == "0" and not part and not is_marked:
                is_marked = True
            elif escaped in {"\\", "/"}:
                part += escaped
            else:
                raise _invalid()
        elif character == "/":
            if is_marked == bool(part):
                raise _invalid()  # an empty part without its mark, or a mark that has something beside it
            parts.append(part)
            part, is_marked = "", False
        else:
            part += character
    if part or is_marked:
        raise _invalid()  # a backslash was the last
    return parse_key(parts)


def parse_joined_key(text: str) -> Key:
    """The key in a URL of a 2.3 client: its parts, joined by commas.

    Such a client writes `["a,b"]` and `["a", "b"]` in the same way. It is always the second that is meant here.

    Raises:
        InvalidRequest: `invalid_key`.
    """
    return parse_key(text.split(","))


def _invalid() -> InvalidRequest:
    return InvalidRequest("invalid_key", "the text of a key is not as the client writes it")
