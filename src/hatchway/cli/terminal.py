"""The two streams, as rich consoles: colour where a terminal shows it, and never with NO_COLOR."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

from hatchway.errors import HatchwayError


def out() -> Console:
    """Standard output: data, and nothing else."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def err() -> Console:
    """Standard error: everything that is said to people."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """One line to people."""
    err().print(Text(message))


def tell_error(error: HatchwayError) -> None:
    """What went wrong, and what to do next."""
    console = err()
    console.print(Text.assemble(("error: ", "bold red"), error.message))
    if error.hint:
        console.print(Text.assemble((" hint: ", "bold"), error.hint))
