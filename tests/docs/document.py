"""The parts of a Markdown document that tests look at: fenced blocks, links, headings. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"))
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    line: int
    """Where it begins in its document."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A command of a console block."""

    command: str
    output: list[str]
    """The lines shown below it; `…` stands for any number of lines."""


def read(document: str) -> str:
    """The text of a document, by its path in the repository."""
    return (ROOT / document).read_text()


def blocks(text: str, language: str) -> list[Block]:
    """The fenced blocks in a language, in order."""
    return [
        Block(match[1], match[2], text.count("\n", 0, match.start()) + 1)
        for match in _FENCE.finditer(text)
        if match[1] == language
    ]


def commands(block: Block) -> list[Shown]:
    """The commands of a console block (lines that begin with `$ `), each with the output shown."""
    found: list[Shown] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Shown(line[2:], []))
        else:
            assert found, f"line {block.line}: a console block begins with a command"
            found[-1].output.append(line)
    return found


def links(text: str) -> list[str]:
    """Where the links of a document lead to, those in fenced blocks left out."""
    return _LINK.findall(_FENCE.sub("", text))


def anchors(text: str) -> list[str]:
    """The names that headings give to places, as GitHub makes them."""
    headings = (match[1] for match in _HEADING.finditer(_FENCE.sub("", text)))
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def normalise(text: str) -> str:
    """`text` with what differs from run to run replaced by the name of its kind."""
    text = _ANSI.sub("", text)
    for pattern, name in (
        (r"\b[a-z0-9]{32}\b", "TOKEN"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
        (r"localhost:\d+", "localhost:PORT"),
        (r"\d+(\.\d+)? (ms|s)\b", "DURATION"),
        (r"[ \t]+$", ""),
    ):
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text


def shows(shown: list[str], real: list[str]) -> bool:
    """Whether `real` is what was shown, a line `…` being any number of lines."""
    if not shown:
        return not real
    if shown[0] == "…":
        return any(shows(shown[1:], real[start:]) for start in range(len(real) + 1))
    return bool(real) and shown[0] == real[0] and shows(shown[1:], real[1:])
