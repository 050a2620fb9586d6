"""`--show-completion` and `--install-completion`: what makes a shell ask this command to complete words.

The scripts are typer's. Its own options look for the shell among the processes of the machine, and cannot be told which
one is meant; these take its name, or that of `$SHELL`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer
from typer._completion_classes import completion_init
from typer._completion_shared import get_completion_script, install

from hatchway.cli.terminal import say
from hatchway.errors import HatchwayError, InvalidRequest

PROGRAM = "hatchway"
VARIABLE = "_HATCHWAY_COMPLETE"
"""The environment variable by which a shell asks for words, as typer names it."""

SHELLS = ("bash", "zsh", "fish")
SHOW, INSTALL = "--show-completion", "--install-completion"


def with_shell(arguments: Sequence[str], own_shell: str) -> list[str]:
    """The command line with the name of a shell behind `--show-completion` and the like, if it has none. Pure.

    Args:
        arguments: the command line.
        own_shell: the path of the user's shell, as in `$SHELL`.
    """
    if (
        arguments
        and arguments[0] in {SHOW, INSTALL}
        and (len(arguments) == 1 or arguments[1].startswith("-"))
    ):
        return [arguments[0], os.path.basename(own_shell), *arguments[1:]]
    return list(arguments)


def show(shell: str | None) -> None:
    """Print the script for a shell."""
    if shell is None:
        return
    script = get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=_checked(shell, SHOW))
    sys.stdout.write(script + "\n")
    raise typer.Exit


def put_in_place(shell: str | None) -> None:
    """Write the script to where the shell finds it, and have its start-up file read it."""
    if shell is None:
        return
    try:
        _, path = install(shell=_checked(shell, INSTALL), prog_name=PROGRAM, complete_var=VARIABLE)
    except OSError as error:
        raise HatchwayError(
            "local_file_failed",
            f"{error.filename}: {error.strerror}",
            f"print it instead, and put it where your shell reads it: {PROGRAM} {SHOW} {shell}",
        ) from None
    say(f"written to {path}; it takes effect in new shells")
    raise typer.Exit


def prepare() -> None:
    """Have typer answer a shell that asks for words."""
    if VARIABLE in os.environ:
        completion_init()


def _checked(shell: str, option: str) -> str:
    if shell not in SHELLS:
        what = f"{shell!r} is not a shell that can complete words" if shell else "the shell is not known"
        hint = f"name it: {PROGRAM} {option} {'|'.join(SHELLS)}"
        raise InvalidRequest("unknown_shell", what, hint)
    return shell
