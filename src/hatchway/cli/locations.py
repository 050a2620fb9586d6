r"""`KEY:PATH` for a file in a VM, anything else for one of this machine, as scp has it. Pure.

A key may hold slashes, so how the text begins decides, not where its first slash is: what begins with `/`, `./` or
`../` is of this machine whatever follows. `\:` stands for a colon that is part of the key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

STREAM = "-"
"""Standard input as a source, standard output as a target."""

_KEY = re.compile(r"((?:[^:\\]|\\.)*):", re.DOTALL)


@dataclass(frozen=True, slots=True)
class InVm:
    """A file or folder in a VM."""

    key: str
    """The text of the VM's key, as for every other command."""
    path: str
    """Absolute, or relative to /home/user; empty for that folder itself."""


@dataclass(frozen=True, slots=True)
class Local:
    """A file or folder of this machine."""

    path: str


@dataclass(frozen=True, slots=True)
class Stream:
    """Standard input or output."""


Location = InVm | Local | Stream


def parse_location(text: str) -> Location:
    """What a source or target names."""
    if text == STREAM:
        return Stream()
    if text.startswith(("/", "./", "../")):
        return Local(text)
    found = _KEY.match(text)
    if found is None:
        return Local(text)
    return InVm(found[1].replace("\\:", ":"), text[found.end() :])


def format_location(location: Location) -> str:
    """The text that `parse_location` reads as `location`."""
    if isinstance(location, Stream):
        return STREAM
    if isinstance(location, InVm):
        return f"{location.key.replace(':', chr(92) + ':')}:{location.path}"
    path = location.path
    needs_it = path == STREAM or (not path.startswith(("/", "./", "../")) and _KEY.match(path) is not None)
    return f"./{path}" if needs_it else path
