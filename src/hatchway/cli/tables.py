"""Lists: one rule for every command that prints one.

On a terminal a list is a table with a header. Anywhere else it is a line for each entry, its fields separated by tabs,
without a header: what cut, awk and read expect. With `--json` it is JSON in both places, with more of each entry.
Fields may be anybody's words: what would break a line or steer a terminal is shown as U+FFFD, and is whole in JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from hatchway.cli.terminal import out, say
from hatchway.printable import printable

HOW_LISTS_ARE_PRINTED = (
    "On a terminal it is a table; elsewhere a line for each, its fields separated by tabs, without a header."
)
"""For the help of each command that prints a list."""


def show_list(
    titles: Sequence[str], rows: Iterable[Sequence[str]], *, nothing: str, numbers: Collection[str] = ()
) -> None:
    """Print a list to standard output.

    Args:
        titles: of the columns.
        rows: a field for each title; of whatever origin.
        nothing: what is said to people, on standard error, of a list without entries.
        numbers: the titles of columns that are aligned to the right in a table.
    """
    fields = [[_field(field) for field in row] for row in rows]
    if not fields:
        say(nothing)
    elif sys.stdout.isatty():
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in titles:
            table.add_column(title, justify="right" if title in numbers else "left", overflow="fold")
        for row in fields:
            table.add_row(*map(Text, row))
        _print(table)
    else:
        _write(fields)


def show_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print what there is to say of one thing, by the same rule: a line for each field, its name before its value.

    Args:
        fields: names and values; the latter of whatever origin.
    """
    rows = [(name, _field(value)) for name, value in fields]
    if sys.stdout.isatty():
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for name, value in rows:
            table.add_row(name, Text(value))
        _print(table)
    else:
        _write(rows)


def show_json(value: Any) -> None:
    """Print a value as one line of JSON to standard output, in ASCII, so that nothing in it steers a terminal."""
    sys.stdout.write(json.dumps(value) + "\n")


def moment(time: datetime) -> str:
    """A time as RFC 3339 says it, to the second, such as `2030-01-02T03:04:05Z`.

    Args:
        time: aware, in UTC.
    """
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def _print(table: Table) -> None:
    console = out()
    console.soft_wrap = False
    console.print(table)


def _write(rows: Iterable[Sequence[str]]) -> None:
    sys.stdout.write("".join("\t".join(row) + "\n" for row in rows))


def _field(text: str) -> str:
    return printable(text, one_line=True).replace("\t", "\ufffd")
