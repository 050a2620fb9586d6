"""Text and values that somebody else made, as they are safe to show. Pure."""

from __future__ import annotations

import re

# Control characters but tab and newline, which a terminal would obey; what turns the direction of text; line ends of
# another kind; and lone surrogates, which cannot be written at all.
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str, *, one_line: bool = False) -> str:
    """`text` with U+FFFD for what a terminal would obey. Line ends become `\\n`.

    Args:
        text: of whatever origin.
        one_line: a newline is replaced, too.
    """
    shown = _UNSAFE.sub("\ufffd", text.replace("\r\n", "\n"))
    return shown.replace("\n", "\ufffd") if one_line else shown


_SHOWN = 100


def shown(value: object) -> str:
    """A value as a message shows it, whatever it is: its `repr` or the beginning of it, at most 101 characters."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - code may give any object; and a whole number may be too long for Python to write
        return f"this {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
