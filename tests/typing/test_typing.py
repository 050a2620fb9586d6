"""What users' type checkers see of both clients: `accepted.py` passes, `refused.py` is refused just where it says so.

Checked as a user's code is: with the installed package, whose `py.typed` says that it has types (PEP 561).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

_MARK = re.compile(r"# error: ([\w -]+)$")
_ERROR = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: .*\[(?P<code>[\w-]+)\]$")


def marked(file: Path) -> dict[int, set[str]]:
    """The lines that name an error, and which: any of several, where checkers' versions differ."""
    lines = enumerate(file.read_text().splitlines(), 1)
    return {number: set(match[1].split()) for number, line in lines if (match := _MARK.search(line))}


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], set[str]]:
    """What mypy says of all files at once, by file and line."""
    folder = tmp_path_factory.mktemp("typing")
    (folder / "mypy.ini").write_text("[mypy]\nstrict = true\n")
    files = []
    for name in ("aio", "sync"):
        for file in ("accepted.py", "refused.py"):
            copy = folder / f"{name}_{file}"
            copy.write_text((HERE / name / file).read_text())
            files.append(copy.name)
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", *files],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    found: dict[tuple[str, int], set[str]] = {}
    for line in ran.stdout.splitlines():
        match = _ERROR.match(line)
        if match is not None:
            found.setdefault((match["file"], int(match["line"])), set()).add(match["code"])
    return found


@pytest.mark.parametrize("name", ["aio", "sync"])
def test_what_is_right_is_accepted(errors: dict[tuple[str, int], set[str]], name: str) -> None:
    assert {at: codes for at, codes in errors.items() if at[0] == f"{name}_accepted.py"} == {}


@pytest.mark.parametrize("name", ["aio", "sync"])
def test_what_is_wrong_is_refused(errors: dict[tuple[str, int], set[str]], name: str) -> None:
    wanted = marked(HERE / name / "refused.py")
    assert len(wanted) > 15
    said = {line: codes for (file, line), codes in errors.items() if file == f"{name}_refused.py"}
    assert said.keys() == wanted.keys()
    assert {line: codes for line, codes in said.items() if not codes <= wanted[line]} == {}
