"""The table of docs/compatibility.md is what the tests of tests/compatibility/ say now."""

from __future__ import annotations

import importlib
import inspect

from compatibility.app import App
from compatibility.page import PAGE, Row, read, subject, write
from docs.document import ROOT

MODULES = sorted(path.stem for path in (ROOT / "tests" / "compatibility").glob("test_*.py"))


def rows_of(name: str) -> tuple[App, list[tuple[str, str, str]]]:
    """The tool of a module, and the last three cells of its rows."""
    module = importlib.import_module(f"compatibility.{name}")
    found = inspect.getmembers(module, inspect.isfunction)
    tests = [test for test_name, test in found if test_name.startswith("test_")]
    tests.sort(key=lambda test: test.__code__.co_firstlineno)
    return module.APP, [subject(test, name) for test in tests]


def test_every_test_is_a_row_with_the_locked_version() -> None:
    expected = []
    versions = {row.tool: row.version for row in read(PAGE.read_text())}
    for name in MODULES:
        app, cells = rows_of(name)
        # What comes with the machine has the version of the machine that wrote the page.
        version = app.locked_version or versions.get(app.tool, "missing")
        expected += [Row(app.tool, version, *each) for each in cells]
    assert read(PAGE.read_text()) == expected
    assert write(expected) == PAGE.read_text()


def test_every_row_says_what_was_checked() -> None:
    rows = [cells for name in MODULES for cells in rows_of(name)[1]]
    assert len(rows) > 20
    assert all(checked for checked, _, _ in rows)


def test_a_page_is_read_as_it_was_written() -> None:
    rows = [
        Row("a `b`", "1.2", "this, and that\\|", "test_a", "test_b"),
        Row("c", "3", "d", "test_c", "test_d"),
    ]
    assert read(write(rows)) == rows
