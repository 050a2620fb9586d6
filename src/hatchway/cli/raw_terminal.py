"""The user's own terminal while it stands for one in a VM: every key goes there."""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from hatchway.errors import InvalidRequest


def own_terminal() -> int:
    """The descriptor of the terminal that standard input is.

    Raises:
        InvalidRequest: `no_terminal`.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidRequest(
            "no_terminal",
            "standard input is no terminal",
            "for what comes from a file or pipe there is: hatchway exec --stdin KEY -- COMMAND",
        )
    return sys.stdin.fileno()


def size_of(terminal: int) -> tuple[int, int]:
    """Its columns and rows; 80 and 24 where it does not know."""
    size = os.get_terminal_size(terminal)
    return size.columns or 80, size.lines or 24


@contextmanager
def raw(terminal: int) -> Iterator[None]:
    """Have the terminal pass on every key as it is, and show every byte as it comes, until the block ends, however."""
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
