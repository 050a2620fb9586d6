"""`hatchway doctor`: whether this machine can isolate VMs, and what to do if not."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from hatchway.cli.terminal import out, say

if TYPE_CHECKING:
    from hatchway.vm.sandbox.host import Finding

_STYLES = {"ok": "green", "limited": "yellow", "missing": "bold red"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Look at this machine: what isolates VMs, what limits hold, what is missing. Exits with 1 if anything is."""
    from hatchway.vm.sandbox.host import examine

    raise typer.Exit(report(examine(), as_json=as_json))


def report(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print what was found; gives the exit code."""
    if as_json:
        sys.stdout.write(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2) + "\n")
    else:
        console = out()
        console.soft_wrap = False
        console.print(_table(findings))
    missing = sum(finding.status == "missing" for finding in findings)
    if missing:
        say(f"VMs cannot run here: {missing} thing{'s are' if missing > 1 else ' is'} missing")
        return 1
    say("VMs can run here")
    return 0


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        status = Text(finding.status, style=_STYLES[finding.status])
        table.add_row(status, Text(finding.name, style="bold"), Text(finding.detail))
        if finding.fix:
            table.add_row("", "", Text(f"→ {finding.fix}", style="cyan"))
    return table
