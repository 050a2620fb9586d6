"""The parts of a Markdown document that tests look at: fenced blocks, links, headings; and what is shown in them, held
against what is real. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
_FILE = re.compile(r"(?:#|//|<!--) ([\w-]+\.\w+)(?: -->)?\n")

_TELLS_APART = (r"\b[a-z0-9]{32}\b", r"\b[a-z0-9]{20}\b", r"(?:localhost|127\.0\.0\.1):\d+")
"""What of a shown line names something that later lines may name again: tokens, ids, where something listens."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    line: int
    """Where it begins in its document."""

    @property
    def file(self) -> str | None:
        """The name of the file that it is to be saved as: the comment in its first line."""
        match = _FILE.match(self.text)
        return None if match is None else match[1]


@dataclass(frozen=True, slots=True)
class Shown:
    """A command of a console block."""

    command: str
    output: list[str]
    """The lines shown below it; `…` stands for any number of lines."""


def read(document: str) -> str:
    """The text of a document, by its path in the repository."""
    return (ROOT / document).read_text()


def all_blocks(text: str) -> list[Block]:
    """The fenced blocks, in order."""
    return [
        Block(match[1], match[2], text.count("\n", 0, match.start()) + 1) for match in _FENCE.finditer(text)
    ]


def blocks(text: str, language: str) -> list[Block]:
    """The fenced blocks in a language, in order."""
    return [block for block in all_blocks(text) if block.language == language]


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
        (r"\b[a-z0-9]{20}\b", "ID"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(,\d+)?", "TIME"),
        (r"\b(localhost|127\.0\.0\.1):\d+", r"\1:PORT"),
        (r"\d+(\.\d+)? (ms|s)\b", "DURATION"),
        (r"[ \t]+$", ""),
    ):
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text


def align(shown: Sequence[str], real: Sequence[str]) -> list[tuple[str, str]] | None:
    """The lines that were shown, each with the real one that it stands for; None if it is not what was shown.

    A line `…` is any number of lines, and what differs from run to run counts as the same.
    """
    if not shown:
        return None if real else []
    if shown[0].strip() == "…":
        for start in range(len(real) + 1):
            rest = align(shown[1:], real[start:])
            if rest is not None:
                return rest
        return None
    if not real or normalise(shown[0]) != normalise(real[0]):
        return None
    rest = align(shown[1:], real[1:])
    return None if rest is None else [(shown[0], real[0]), *rest]


def real_names(lines: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """What is really called what in lines as shown, by how they call it: tokens, ids, where something listens."""
    found: dict[str, str] = {}
    for shown, real in lines:
        for pattern in _TELLS_APART:
            found.update(zip(re.findall(pattern, shown), re.findall(pattern, real), strict=True))
    return found
