"""The one place where paths inside a VM are checked. Pure: whether a file is there, the VM's own kernel says.

Paths are bytes, as for the kernel. The limits are Linux's: NAME_MAX and PATH_MAX less its NUL (limits.h(0p)).
"""

from __future__ import annotations

from typing import Any

from hatchway.errors import InvalidRequest

HOME = b"/home/user"
MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 4095
PATH_SCHEMA: dict[str, Any] = {
    "minLength": 1,
    "maxLength": MAX_PATH_BYTES,
    "pattern": r"^(?!([^\x00]*/)?\.\.(?![^/]))[^\x00]+$",
}
"""What JSON Schema can say of a path: no NUL, and no name that is `..`. It counts characters, not bytes."""


def validate_path(path: bytes) -> bytes:
    """A path as the VM's kernel may be given it.

    Args:
        path: absolute, or relative to /home/user.

    Returns:
        The absolute path; a trailing slash stays.

    Raises:
        InvalidRequest: `invalid_path`, naming what was passed.
    """
    if not path:
        raise InvalidRequest("invalid_path", "a path must not be empty")
    if b"\0" in path:
        raise InvalidRequest("invalid_path", "a path must not contain NUL")
    absolute = path if path.startswith(b"/") else HOME + b"/" + path
    names = absolute.split(b"/")
    if b".." in names:
        raise InvalidRequest(
            "invalid_path", "a path must not have `..` among its names", "give the path that is meant"
        )
    longest = max(map(len, names))
    if longest > MAX_NAME_BYTES:
        raise InvalidRequest(
            "invalid_path", f"each name in a path holds at most {MAX_NAME_BYTES} bytes, not {longest}"
        )
    if len(absolute) > MAX_PATH_BYTES:
        raise InvalidRequest(
            "invalid_path", f"a path holds at most {MAX_PATH_BYTES} bytes, not {len(absolute)}"
        )
    return absolute
