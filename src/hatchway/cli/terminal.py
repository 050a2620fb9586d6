"""The two streams, as rich consoles: colour where a terminal shows it, and never with NO_COLOR."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

from hatchway.errors import HatchwayError
from hatchway.printable import printable

_INDENT = " " * len("error: ")

_HINTS = {
    "already_exists": "choose another name; hatchway mkdir --parents is content with a folder that is there",
    "directory_not_empty": "hatchway rm --recursive deletes a folder with all that is in it",
    "is_a_directory": "hatchway ls lists a folder, and hatchway cp copies one",
    "process_not_found": "hatchway ps lists those that were spawned, and with --all every one",
    "timeout": "the VM or the server may be busy: try again",
    "vm_not_found": "check the key and --kind; hatchway vm list shows the VMs that are there",
}
"""What to do next in the words of the command line, for errors whose own hint is none, or speaks to a program."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the command line, which treats all output alike; rich itself would exit here."""
        raise BrokenPipeError


def out() -> Console:
    """Standard output: data, and nothing else."""
    return _Console(file=sys.stdout, highlight=False, soft_wrap=True)


def err() -> Console:
    """Standard error: everything that is said to people."""
    return _Console(file=sys.stderr, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """One line to people."""
    err().print(Text(message))


def confirm(question: str) -> bool:
    """Ask a person. Anything but y or yes is no, and so is the end of standard input."""
    err().print(Text(f"{question} [y/N] "), end="")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def say_qr_code(text: str) -> None:
    """A QR code to people: dark on light whatever the terminal's colours; without colour, as for light letters."""
    from hatchway.cli.qr_code import qr_lines

    console = err()
    coloured = console.color_system is not None and not console.no_color
    for line in qr_lines(text, inverted=not coloured):
        console.print(Text(line, style="#000000 on #ffffff" if coloured else ""))


def tell_error(error: HatchwayError) -> None:
    """What went wrong, what to do next, and the last lines of a process if the error is about one.

    All of it may be the words of a server or a guest that means ill.
    """
    console = err()
    console.print(Text.assemble(("error: ", "bold red"), printable(error.message, one_line=True)))
    hint = _HINTS.get(error.code, error.hint)
    if hint:
        console.print(Text.assemble((" hint: ", "bold"), printable(hint, one_line=True)))
    stderr = (error.details or {}).get("stderr")
    if isinstance(stderr, str) and stderr.strip():
        for line in stderr.rstrip().split("\n"):
            console.print(Text(_INDENT + printable(line.rstrip("\r"), one_line=True)))
