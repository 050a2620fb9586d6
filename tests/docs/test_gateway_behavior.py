"""Every line of docs/gateway-behavior.md that states something names tests of it, in a comment behind it."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from docs.document import ROOT, read
from docs.named_tests import NAMED_TEST, not_there

PAGE = "docs/gateway-behavior.md"

_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
_SEPARATOR = re.compile(r"\|[-|]+\|")
_RAISED = re.compile(r'\b(?:HatchwayError|InvalidRequest|Unavailable)\(\s*"(\w+)"')


class Line(NamedTuple):
    """A bullet, a row of a table, or a paragraph."""

    text: str
    """As a reader sees it."""
    tests: list[tuple[str, str]]
    """File, and name in it."""


def lines(page: str) -> list[Line]:
    """What a page states, its introduction left out, and headings, heads of tables, and what leads to a table or list:
    it ends with a colon.

    Raises:
        ValueError: for a comment that is no list of tests.
    """
    found: list[str] = []
    ended = True
    for source in page.partition("\n## ")[2].splitlines()[1:]:
        line = source.strip()
        if _SEPARATOR.fullmatch(line):
            found.pop()  # the head of the table
        elif not line or line.startswith("#"):
            ended = True
        elif ended or line.startswith(("- ", "|")):
            found.append(line)
            ended = False
        else:
            found[-1] += f"\n{line}"
    stated = [Line(_COMMENT.sub("", text).strip(), _named(text)) for text in found]
    return [line for line in stated if not line.text.endswith(":")]


def _named(text: str) -> list[tuple[str, str]]:
    words = " ".join(_COMMENT.findall(text)).split()
    wrong = [word for word in words if NAMED_TEST.fullmatch(word) is None]
    if wrong or text.count("<!--") != len(_COMMENT.findall(text)):
        raise ValueError(f"no names of tests: {wrong or text}")
    return [match.groups() for word in words if (match := NAMED_TEST.fullmatch(word))]  # type: ignore[misc]


def test_every_line_names_tests_that_exist() -> None:
    stated = lines(read(PAGE))
    assert len(stated) > 80
    assert [line.text for line in stated if not line.tests] == []
    assert [name for line in stated for name in not_there(line.tests)] == []
    assert [line.text for line in stated if len(set(line.tests)) != len(line.tests)] == []


def test_every_refusal_of_the_gateway_is_in_the_table() -> None:
    folder = ROOT / "src" / "hatchway" / "gateway"
    # What the operator is told of settings is no answer; `memory` stands for what is behind the gateway.
    sources = [path for path in folder.glob("*.py") if path.stem not in ("limits", "tls", "memory")]
    sources.append(ROOT / "src" / "hatchway" / "vm" / "port_wait.py")
    raised = {code for path in sources for code in _RAISED.findall(path.read_text())}
    raised |= set(re.findall(r'\d{3}: "(\w+)"', (folder / "problem_pages.py").read_text()))
    assert {"answer_timeout", "process_exited", "target_too_long"} <= raised
    table = read(PAGE).partition("| status | code | when |")[2].partition("\n\n")[0]
    rows = [row.split("|")[2] for row in table.splitlines()[2:]]
    assert raised - {code for cell in rows for code in re.findall(r"`(\w+)`", cell)} == set()


TEXT = """# Title

An introduction
of two lines.

## First

- one <!-- tests/a/test_b.py::test_c -->
- two
  lines <!-- tests/a/test_b.py::TestD::test_e
  tests/a/test_b.py::test_c -->

These are more:

| head | of it |
|---|---|
| `x` | y <!-- tests/a/test_b.py::test_c --> |
| none | here |

### Second

A paragraph
of two lines.
<!-- tests/a/test_b.py::test_c -->
"""


def test_lines_of_a_page() -> None:
    one, two = ("tests/a/test_b.py", "test_c"), ("tests/a/test_b.py", "TestD::test_e")
    assert lines(TEXT) == [
        ("- one", [one]),
        ("- two\nlines", [two, one]),
        ("| `x` | y  |", [one]),
        ("| none | here |", []),
        ("A paragraph\nof two lines.", [one]),
    ]


@pytest.mark.parametrize("comment", ["<!-- a note -->", "<!-- tests/a.py -->", "<!-- tests/a.py::test_b"])
def test_other_comments_are_refused(comment: str) -> None:
    with pytest.raises(ValueError, match="no names of tests"):
        lines(f"# T\n\n## S\n\n- one {comment}\n")
