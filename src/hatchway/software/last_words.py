"""What an installer said at its end, fit for a log: without credentials, addresses' queries and paths. Pure."""

from __future__ import annotations

import re

from hatchway.printable import printable

_LINES = 4
_CHARACTERS = 400

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_REDACTED = (
    # An address's user and password, in any scheme: all up to the last @ before its path.
    (re.compile(r"//[^\s/?#]*@"), "//"),
    # A query or fragment may hold a signature.
    (re.compile(r"(://[^\s?#]*)[?#]\S*"), r"\1"),
    # What an option, field or header names as secret, with what follows it on its line.
    (re.compile(r"(?i)\S*(?:auth|token|passw|secret|credential|bearer|cookie|api[_-]?key)\S*.*"), "[hidden]"),
    # The forms of tokens of npm, PyPI and GitHub, wherever they are.
    (re.compile(r"\b(?:npm_|pypi-|gh[a-z]_|github_pat_)[A-Za-z0-9_-]+"), "[hidden]"),
    # Paths of the host, those of file: addresses too.
    (re.compile(r"(?i)\bfile:/*\S*"), "[path]"),
    (re.compile(r"(?<![\w:/@.-])~?/[^\s'\",;)]+"), "[path]"),
)


def last_words(text: str) -> str:
    """The last lines of `text` on one line, with everything hidden that nobody else shall read."""
    lines = [printable(_ANSI.sub("", line), one_line=True).strip() for line in text.splitlines()]
    said = []
    for line in [line for line in lines if line][-_LINES:]:
        cleaned = line
        for pattern, instead in _REDACTED:
            cleaned = pattern.sub(instead, cleaned)
        said.append(cleaned)
    words = " / ".join(said)
    return words if len(words) <= _CHARACTERS else words[:_CHARACTERS] + "…"
