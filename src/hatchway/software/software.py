"""`Software`: something a VM can run. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from hatchway.errors import InvalidRequest
from hatchway.software.sources import COMMAND, Npm, PyPI, Source

# A name is also that of a folder in the cache and in VMs.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RUNS_ON = ((Npm, "node", "node"), (PyPI, "python3", "python"))
"""A source, the command that what comes from it is run by, and the software that brings that."""


@dataclass(frozen=True, slots=True)
class Software:
    """Something a VM can run, such as `Software("serve", ("serve",), Npm("serve@14"), needs=(node,))`.

    Raises:
        InvalidRequest: `invalid_option` for a value of the wrong type or form, and for a package without what runs it.
    """

    name: str
    """`[a-z0-9][a-z0-9._-]{0,63}`; two of the same name cannot be in one VM."""
    commands: tuple[str, ...]
    """The commands that a VM finds in its PATH; of the commands of a package, these alone."""
    source: Source
    """Where they come from."""
    needs: tuple[Software, ...] = ()
    """What it does not run without; comes along by itself."""

    def __post_init__(self) -> None:
        name: object = self.name
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise InvalidRequest(
                "invalid_option",
                "the name of a software must be up to 64 lower-case letters, digits, '.', '_' and '-', the first one "
                f"a letter or digit, not {name!r}",
            )
        commands = self._several("commands", self.commands, '("rg",)')
        for command in commands:
            if not isinstance(command, str) or COMMAND.fullmatch(command) is None:
                raise InvalidRequest(
                    "invalid_option", f"{command!r} cannot be a command of the software {name!r}"
                )
        object.__setattr__(self, "commands", commands)
        if not isinstance(self.source, get_args(Source)):
            raise InvalidRequest(
                "invalid_option",
                f"the source of the software {name!r} must be HostCommands, PyPI, Npm, Folder or NodeJs, "
                f"not {type(self.source).__name__}",
                "from hatchway.software import Folder, HostCommands, Npm, PyPI",
            )
        needs = self._several("needs", self.needs, "(node,)")
        for need in needs:
            if not isinstance(need, Software):
                raise InvalidRequest(
                    "invalid_option",
                    f"the software {name!r} can need other software alone, not {type(need).__name__}",
                )
        object.__setattr__(self, "needs", needs)
        self._check_that_it_can_run()

    def _several(self, field: str, value: object, example: str) -> tuple[object, ...]:
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            return tuple(value)
        raise InvalidRequest(
            "invalid_option",
            f"{field} of the software {self.name!r} must be a tuple, not {type(value).__name__}",
            f"{field}={example}",
        )

    def _check_that_it_can_run(self) -> None:
        for source, command, bringer in _RUNS_ON:
            if isinstance(self.source, source) and not any(_brings(need, command) for need in self.needs):
                raise InvalidRequest(
                    "invalid_option",
                    f"the software {self.name!r} is made for {command}, which nothing that it needs brings",
                    f"needs=({bringer},)",
                )


def _brings(software: Software, command: str) -> bool:
    return command in software.commands or any(_brings(need, command) for need in software.needs)
