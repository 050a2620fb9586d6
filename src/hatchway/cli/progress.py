"""How far a transfer is, for people who wait in front of a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from hatchway.cli.terminal import err
from hatchway.printable import printable

Report = Callable[[int, int | None], None]
"""Called with the bytes so far, and how many there will be if that is known."""


@contextmanager
def progress_bar(what: str) -> Iterator[Report | None]:
    """A bar on standard error while the block runs; it stays there, full, if the block ends well.

    Args:
        what: is transferred; of whatever origin.

    Yields:
        What moves it. None where standard error is no terminal: nothing is shown then.
    """
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err()) as progress:
        task = progress.add_task(printable(what, one_line=True), total=None)

        def report(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield report
        done = progress.tasks[0].completed
        progress.update(task, completed=done, total=done)
