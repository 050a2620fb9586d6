"""The two streams, as rich consoles: colour where a terminal shows it, and never with NO_COLOR."""

from __future__ import annotations

import sys
import unicodedata

from rich.console import Console
from rich.text import Text

from hatchway.errors import HatchwayError


def out() -> Console:
    """Standard output: data, and nothing else."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def err() -> Console:
    """Standard error: everything that is said to people."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of what steers a terminal instead of being shown: control characters, marks that turn the
direction of writing, lone surrogates, and line ends of another kind."""
_INDENT = " " * len("error: ")


def harmless(text: str) -> str:
    """One line of text that somebody else wrote, with all that a terminal would obey replaced by U+FFFD."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if character != "\t" and unicodedata.category(character) in _HARMFUL
        else character
        for character in text
    )


def say(message: str) -> None:
    """One line to people."""
    err().print(Text(message))


def tell_error(error: HatchwayError) -> None:
    """What went wrong, what to do next, and the last lines of a process if the error is about one.

    All of it may be the words of a server or a guest that means ill.
    """
    console = err()
    console.print(Text.assemble(("error: ", "bold red"), harmless(error.message)))
    if error.hint:
        console.print(Text.assemble((" hint: ", "bold"), harmless(error.hint)))
    stderr = (error.details or {}).get("stderr")
    if isinstance(stderr, str) and stderr.strip():
        for line in stderr.rstrip().split("\n"):
            console.print(Text(_INDENT + harmless(line.rstrip("\r"))))
