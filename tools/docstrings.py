"""Docstrings as Markdown, and the strings that stand behind attributes. Pure, but for reading sources."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator

_SECTION = re.compile(r"(Args|Returns|Raises):\n((?:[ ]{4}.*\n?|\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^(\*{0,2}[\w`.]+(?: \([^)]*\))?): ", re.MULTILINE)
_TITLES = {"Args": "Parameters", "Returns": "Returns", "Raises": "Raises"}


def as_markdown(text: str) -> Iterator[str]:
    """The lines of a docstring: what it says, then its sections as lists."""
    position = 0
    for match in _SECTION.finditer(text + "\n"):
        yield from _paragraphs(text[position : match.start()])
        position = match.end()
        body = textwrap.dedent(match[2]).strip()
        title = _TITLES[match[1]]
        if match[1] == "Returns":
            yield from ("", f"{title}: {' '.join(body.split())}")
        else:
            yield from ("", f"{title}:", "", *_items(body))
    yield from _paragraphs(text[position:])


def said_of_attributes(value: type) -> dict[str, str]:
    """What stands behind each attribute of a class, by its name."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(value))).body
    assert isinstance(node, ast.ClassDef)
    initialiser = [each for each in node.body if getattr(each, "name", "") == "__init__"]
    inside = [
        statement for each in initialiser if isinstance(each, ast.FunctionDef) for statement in each.body
    ]
    return strings_behind(node.body) | strings_behind(inside)


def strings_behind(body: list[ast.stmt]) -> dict[str, str]:
    """The string that stands behind an assignment says what it is (as Sphinx and others read it)."""
    said = {}
    for statement, following in itertools.pairwise(body):
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign):
            target = statement.target
        else:
            continue
        if (
            isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            said[ast.unparse(target).removeprefix("self.")] = " ".join(following.value.value.split())
    return said


def _paragraphs(text: str) -> Iterator[str]:
    if text.strip():
        yield from ("", text.strip())


def _items(body: str) -> Iterator[str]:
    blocks: list[str] = []
    for line in body.splitlines():
        if line.startswith(" ") and blocks:
            blocks[-1] += " " + line.strip()
        elif line.strip():
            blocks.append(line.strip())
    for block in blocks:
        match = _ITEM.match(block)
        yield f"- `{match[1].strip('`')}`: {block[match.end() :]}" if match else f"- {block}"
