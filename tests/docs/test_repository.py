"""No tracked file names the machine it was written on."""

from __future__ import annotations

import re
import subprocess

import pytest

from docs.document import ROOT

# Homes that documents and tests make up, and what every VM has.
_MADE_UP = ("/home/user", "/home/me", "/root/secret")
_MACHINE_PATH = re.compile(
    r"(?<![\w/}])/root/\w+|/home/[a-z][\w-]*|/Users/\w+|(?<![\w/.~-])/(?:workspace|srv|mnt/data)/\w+"
)
_WORK = re.compile(
    r"\b(?:milestone|sub-?agent|next issue|issue (?:#|show )?\d+|the brief)\b|\bTODO\b|\bFIXME\b"
)
_PACKAGE_SOURCE = re.compile(r"(?:index-url|find-links|registry)\s*[=:]?\s*\"?(?:https?|file)://|/simple\b")


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def found(pattern: re.Pattern[str], allowed: tuple[str, ...] = ()) -> list[str]:
    places = []
    for name in tracked():
        if name == "tests/docs/test_repository.py":
            continue
        text = (ROOT / name).read_bytes().decode(errors="replace")
        places += [
            f"{name}: {match[0]}" for match in pattern.finditer(text) if not match[0].startswith(allowed)
        ]
    return places


def test_no_path_of_a_machine() -> None:
    assert found(_MACHINE_PATH, _MADE_UP) == []


def test_no_source_of_packages() -> None:
    assert found(_PACKAGE_SOURCE) == []


def test_no_word_about_how_the_work_was_organised() -> None:
    assert found(_WORK) == []


@pytest.mark.parametrize("text", ["/root/project", "/home/somebody/x", " /workspace/main", "/Users/me"])
def test_such_a_path_would_be_found(text: str) -> None:
    assert _MACHINE_PATH.search(text) is not None
