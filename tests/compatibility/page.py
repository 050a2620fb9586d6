"""docs/compatibility.md: what the rows are, and how they are written and read."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"

_HEAD = """# Compatibility

<!-- Written by `make compatibility` from the tests that passed. Do not edit. -->

What runs behind a preview as it does on one's own machine: each tool starts as its own documentation says, on its own
port, without a setting for Hatchway. Every row is a test of `tests/compatibility/`, which `make test` runs: a real
server, a real VM, and a client that uses the preview's own address (`http://{token}.localhost:6420/`). Programs are
clients unless Chromium is named. The version is what the tool itself said in the VM. After the tests of each tool, no
file in its VM, logs and databases included, holds the preview's token.

| tool | version | what was checked | test |
|---|---|---|---|
"""
_ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \| `(\w+)::(\w+)` \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One row of the table."""

    tool: str
    version: str
    checked: str
    module: str
    test: str


def subject(test: Callable[..., Any], module: str) -> tuple[str, str, str]:
    """The last three cells of a test's row: what its docstring says, its module and its name."""
    return (
        " ".join((inspect.getdoc(test) or "").split()).rstrip(".").replace("|", "\\|"),
        module,
        test.__name__,
    )


def write(rows: Iterable[Row]) -> str:
    """The page."""
    lines = [f"| {row.tool} | {row.version} | {row.checked} | `{row.module}::{row.test}` |\n" for row in rows]
    return _HEAD + "".join(lines)


def read(text: str) -> list[Row]:
    """The rows of a page."""
    return [Row(*cells) for cells in _ROW.findall(text)]
