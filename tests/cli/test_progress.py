from __future__ import annotations

import re

import pytest

from cli.terminals import standard_stream
from hatchway.cli.progress import progress_bar


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_nothing_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("notes.txt") as report:
        assert report is None
    assert capsys.readouterr() == ("", "")


def test_forced_colour_makes_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("notes.txt") as report:
        assert report is None
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("total", [None, 4 * 2**20])
def test_a_bar_on_a_terminal_is_full_in_the_end(monkeypatch: pytest.MonkeyPatch, total: int | None) -> None:
    with standard_stream("stderr", monkeypatch) as shown, progress_bar("[bold]a[/]\x1b[2J") as report:
        assert report is not None
        report(2**20, total)
        report(4 * 2**20, total)
    assert "[bold]a[/]\ufffd[2J" in shown[0]
    assert "4.0/4.0 MiB" in shown[0]


def test_a_failure_leaves_the_bar_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        with progress_bar("a") as report:
            assert report is not None
            report(2**20, 4 * 2**20)
            raise KeyboardInterrupt

    with standard_stream("stderr", monkeypatch) as shown, pytest.raises(KeyboardInterrupt):
        fail()
    assert "1.0/4.0 MiB" in shown[0]
    assert "4.0/4.0 MiB" not in shown[0]


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*[34]\d")
    with standard_stream("stderr", monkeypatch) as shown, progress_bar("a"):
        pass
    assert colour.search(shown[0])
    monkeypatch.setenv("NO_COLOR", "1")
    with standard_stream("stderr", monkeypatch) as shown, progress_bar("a"):
        pass
    assert not colour.search(shown[0])
