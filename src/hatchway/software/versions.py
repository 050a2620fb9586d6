"""Dotted versions such as `22.19`, and which of two is newer. Pure."""

from __future__ import annotations

import re

_DOTTED = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}")


def parse_version(text: str) -> tuple[int, ...]:
    """The numbers of a dotted version, to be compared; zeros at its end say nothing, so `22.0` is `22`.

    Raises:
        ValueError: it is none, of one to four numbers.
    """
    if _DOTTED.fullmatch(text) is None:
        raise ValueError("not a dotted version")
    numbers = [int(part) for part in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def is_at_least(version: str, least: str) -> bool:
    """Whether `version` is not older than `least`; an empty `least` is any version.

    Raises:
        ValueError: one of them is no dotted version.
    """
    return not least or parse_version(version) >= parse_version(least)
