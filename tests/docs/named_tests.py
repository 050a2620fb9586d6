"""Tests that documents name, as `tests/x/test_y.py::test_z` or `tests/x/test_y.py::TestY::test_z`. Reads files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cache

from docs.document import ROOT

NAMED_TEST = re.compile(r"(tests/[\w/]+\.py)::([\w:]+)")
"""One such name: its file and its name in there."""


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the tests in a file: `test_x`, or `TestY::test_x`. None for a file that is not there."""
    if not (ROOT / path).is_file():
        return frozenset()
    names = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test") else [node]
        before = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for each in inner:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test_"):
                names.add(before + each.name)
    return frozenset(names)


def not_there(tests: Iterable[tuple[str, str]]) -> list[str]:
    """Those of `tests` (file, name in it) that do not exist."""
    return [f"{path}::{name}" for path, name in tests if name not in names_in(path)]
