"""The command itself: its nouns, and how errors are told."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.core

from hatchway import __version__
from hatchway.cli import (  # the modules are named as their commands
    cat,
    cp,
    cron,
    demo,
    doctor,
    events,
    exec,  # noqa: A004
    fetch,
    gc,
    kill,
    ls,
    mkdir,
    mv,
    output,
    ports,
    preview,
    ps,
    rm,
    serve,
    service,
    shell,
    shells,
    software,
    spawn,
    vm,
)
from hatchway.cli.options import RunsACommand
from hatchway.cli.streams import leave_unread
from hatchway.cli.terminal import tell_error
from hatchway.errors import HatchwayError

READER_GONE = 128 + signal.SIGPIPE
"""The exit code of a command whose output nobody reads any more: as of a program that SIGPIPE ended."""


class _Nouns(typer.core.TyperGroup):
    """The command's nouns; whichever is asked, it may be told that nobody listens any more."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            leave_unread()
            raise typer.Exit(READER_GONE) from None


app = typer.Typer(
    cls=_Nouns,
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
app.command(help=gc.HELP)(gc.gc)
app.command("exec", cls=RunsACommand)(exec.run_command)
app.command(cls=RunsACommand)(spawn.spawn)
app.command(cls=RunsACommand)(shell.shell)
app.command()(ps.ps)
app.command()(output.output)
app.command()(ports.ports)
app.command()(kill.kill)
app.command()(events.events)
app.command()(ls.ls)
app.command()(cat.cat)
app.command()(cp.cp)
app.command()(mkdir.mkdir)
app.command()(mv.mv)
app.command()(rm.rm)
app.command()(fetch.fetch)
app.add_typer(vm.app, name="vm")
app.add_typer(service.app, name="service")
app.add_typer(cron.app, name="cron")
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
    show_completion: Annotated[
        str | None,
        typer.Option(
            shells.SHOW,
            metavar="[SHELL]",
            callback=shells.show,
            is_eager=True,
            help="Print what makes a shell complete words: bash, zsh or fish; by default $SHELL.",
        ),
    ] = None,
    install_completion: Annotated[
        str | None,
        typer.Option(
            shells.INSTALL,
            metavar="[SHELL]",
            callback=shells.put_in_place,
            is_eager=True,
            help="Write the same to where the shell finds it.",
        ),
    ] = None,
) -> None:
    """An isolated VM per agent, and preview URLs to the services in it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 for success, 1 for an error, 2 for wrong usage; `exec` and `shell` exit as their
    command did.

    Args:
        arguments: what follows the command's name; by default those of this process.
    """
    given = sys.argv[1:] if arguments is None else arguments
    shells.prepare()
    try:
        app(shells.with_shell(given, os.environ.get("SHELL", "")), prog_name=shells.PROGRAM)
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
    finally:
        if arguments is None:
            # All is done: of a Ctrl-C that comes as late as this Python would make a traceback.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(1)
