"""Each dependency has a line in ARCHITECTURE.md that says why it is there, and each such line a dependency."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from docs.document import ROOT, read

_NAME = re.compile(r"^[\w.-]+")
COMPATIBILITY = ROOT / "tests" / "compatibility"


def names(requirements: list[str]) -> set[str]:
    """The packages of requirements, by the names that people write."""
    return {match[0].lower() for each in requirements if (match := _NAME.match(each))}


def explained(purpose: str) -> set[str]:
    """The packages in the table headed by `purpose`; one cell may hold several."""
    table = read("ARCHITECTURE.md").partition(f"\n| {purpose} | why |\n")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[1:]]
    return {name.strip().lower() for cell in cells for name in re.split(r",| and ", cell)}


PROJECT = tomllib.loads(read("pyproject.toml"))
NODE = json.loads((COMPATIBILITY / "package.json").read_text())["dependencies"]


@pytest.mark.parametrize(
    ("purpose", "needed"),
    [
        ("to run", names(PROJECT["project"]["dependencies"])),
        ("to develop", names([each for group in PROJECT["dependency-groups"].values() for each in group])),
        (
            "to try behind previews",
            names((COMPATIBILITY / "requirements.in").read_text().splitlines())
            | {name.lower() for name in NODE},
        ),
    ],
)
def test_every_dependency_has_a_line_and_every_line_a_dependency(purpose: str, needed: set[str]) -> None:
    assert len(needed) > 5
    assert explained(purpose) == needed


@pytest.mark.parametrize(
    ("lock", "directly"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("requirements-dev.lock", PROJECT["dependency-groups"]["dev"]),
        (
            "tests/compatibility/requirements.lock",
            (COMPATIBILITY / "requirements.in").read_text().splitlines(),
        ),
    ],
)
def test_what_is_needed_is_locked_with_hashes_and_from_nowhere(lock: str, directly: list[str]) -> None:
    text = read(lock)
    locked = re.findall(r"^([\w.-]+)==\S+(?: ;[^\\]+)? \\\n    --hash=sha256:", text, re.MULTILINE)
    assert {name.lower() for name in locked} >= names(directly)
    assert len(locked) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE))
    assert "://" not in text
