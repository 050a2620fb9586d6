"""The command itself: its nouns, and how errors are told."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from hatchway import __version__
from hatchway.cli import (  # the modules are named as their commands
    demo,
    doctor,
    exec,  # noqa: A004
    preview,
    serve,
    software,
    vm,
)
from hatchway.cli.terminal import tell_error
from hatchway.errors import HatchwayError

app = typer.Typer(
    name="hatchway",
    help="An isolated VM per agent, and preview URLs to the services in it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve.serve)
app.command()(demo.demo)
app.command()(doctor.doctor)
app.command("exec")(exec.run_command)
app.add_typer(vm.app, name="vm")
app.add_typer(preview.app, name="preview")
app.add_typer(software.app, name="software")


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"hatchway {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """An isolated VM per agent, and preview URLs to the services in it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 for success, 1 for an error, 2 for wrong usage; `exec` exits as its command did.

    Args:
        arguments: what follows the command's name; by default those of this process.
    """
    try:
        app(None if arguments is None else list(arguments))
    except HatchwayError as error:
        tell_error(error)
    except Exception as error:
        if os.environ.get("HATCHWAY_DEBUG"):
            raise
        tell_error(
            HatchwayError(
                "internal_error",
                f"something went wrong inside Hatchway ({type(error).__name__})",
                "run it again with HATCHWAY_DEBUG=1 to see where, and report it",
            )
        )
    sys.exit(1)
