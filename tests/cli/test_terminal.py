from __future__ import annotations

import pytest

from hatchway.cli.terminal import tell_error
from hatchway.errors import HatchwayError, JsonValue


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def told(capsys: pytest.CaptureFixture[str], error: HatchwayError) -> str:
    tell_error(error)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_the_last_lines_of_a_process_stand_below(capsys: pytest.CaptureFixture[str]) -> None:
    stderr = "node:internal\r\n  throw err;\n\n[bold]Error[/]: no such module\n\n"
    error = HatchwayError("process_exited", "it exited with code 1", "look", details={"stderr": stderr})
    assert told(capsys, error) == (
        "error: it exited with code 1\n"
        " hint: look\n"
        "       node:internal\n"
        "         throw err;\n"
        "       \n"
        "       [bold]Error[/]: no such module\n"
    )


@pytest.mark.parametrize(
    "details",
    [None, {}, {"stderr": ""}, {"stderr": "\n \n"}, {"stderr": 3}, {"stderr": ["a"]}, {"stdout": "a"}],
)
def test_no_lines_no_indent(capsys: pytest.CaptureFixture[str], details: dict[str, JsonValue] | None) -> None:
    error = HatchwayError("a", "it failed", details=details)
    assert told(capsys, error) == "error: it failed\n"


def test_nothing_of_an_error_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;title\x07\x1b[2J\x9b31m\x08\x7f\u202etxt.exe\u2028\udcff"
    text = told(
        capsys, HatchwayError("a", evil, evil, details={"stderr": f"{evil}\n{evil}\rerror: all is well"})
    )
    assert len(text.splitlines()) == 4
    assert text.isprintable() is False, "line ends are there"
    assert all(line.isprintable() for line in text.splitlines())
    assert not any(line.startswith("error: all is well") for line in text.splitlines())
