"""Patterns that leave entries out of a list. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

_Matcher = Callable[[str], object]


class Globs:
    """Matches what any of several patterns matches.

    `*` stands for any characters of one name, `?` for one of them, `[…]` for one of a set (fnmatch(3)). A pattern
    without a slash is about the name alone, wherever it is. One with a slash is about the path in the folder, name by
    name, and `**` stands there for any number of names. A slash at the end asks for a folder; one in front says only
    that the pattern is about the path.

    Args:
        patterns: as bytes, like the names they are about.
    """

    def __init__(self, patterns: list[bytes]) -> None:
        self._names: list[tuple[_Matcher, bool]] = []
        self._paths: list[tuple[list[_Matcher | None], bool]] = []
        for pattern in patterns:
            only_folders = pattern.endswith(b"/")
            kept = pattern.rstrip(b"/")
            if b"/" not in kept:
                self._names.append((_matcher(kept), only_folders))
            else:
                parts = [part for part in kept.split(b"/") if part]
                self._paths.append(
                    ([None if part == b"**" else _matcher(part) for part in parts], only_folders)
                )

    def match(self, path: bytes, is_folder: bool) -> bool:
        """Whether a pattern matches an entry.

        Args:
            path: relative to the folder that is listed.
            is_folder: whether it is one.
        """
        # Bytes as text, one for one, as the patterns are.
        names = path.decode("latin-1").split("/")
        for matcher, only_folders in self._names:
            if (is_folder or not only_folders) and matcher(names[-1]):
                return True
        return any(
            (is_folder or not only_folders) and _match_path(matchers, names)
            for matchers, only_folders in self._paths
        )


def _matcher(pattern: bytes) -> _Matcher:
    # fnmatch's own translation, whose stars do not try every combination; without its normalization and its caches.
    return re.compile(fnmatch.translate(pattern.decode("latin-1"))).match


def _match_path(matchers: list[_Matcher | None], names: list[str]) -> bool:
    """Name by name; after a `**` that took too few names, it takes one more. Only the last one need be tried again."""
    at, back, again = 0, -1, 0
    position = 0
    while position < len(names):
        if at < len(matchers) and matchers[at] is None:
            back, again = at, position
            at += 1
        elif at < len(matchers) and (matcher := matchers[at]) is not None and matcher(names[position]):
            at += 1
            position += 1
        elif back >= 0:
            again += 1
            at, position = back + 1, again
        else:
            return False
    while at < len(matchers) and matchers[at] is None:
        at += 1
    return at == len(matchers)
