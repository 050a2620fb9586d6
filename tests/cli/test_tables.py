from __future__ import annotations

import io
import json
import os
import pty
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.cli.tables import moment, show_json, show_list

OnTerminal = Callable[..., str]

END = "that was all"

ROWS = [("3000", "für Ana"), ("80", "[bold]x[/]")]


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> OnTerminal:
    """What an action prints to a terminal of 60 columns."""

    def run(action: Callable[[], None], term: str = "dumb") -> str:
        controller, terminal = pty.openpty()
        monkeypatch.setenv("COLUMNS", "60")
        monkeypatch.setenv("TERM", term)
        with open(terminal, "w", encoding="utf-8", closefd=True) as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            action()
            stream.write(END)
        shown = b""
        while not shown.endswith(END.encode()):
            shown += os.read(controller, 65536)
        os.close(controller)
        return shown.decode().removesuffix(END).replace("\r\n", "\n")

    return run


def _show(rows: list[tuple[str, ...]] | list[tuple[str, str]]) -> None:
    show_list(("PORT", "LABEL"), rows, nothing="there are none", numbers={"PORT"})


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _show(ROWS)
    captured = capsys.readouterr()
    assert captured.out == "3000\tfür Ana\n80\t[bold]x[/]\n"
    assert captured.err == ""


def test_a_pipe_gets_no_table_by_forced_colour(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    _show(ROWS)
    assert capsys.readouterr().out == "3000\tfür Ana\n80\t[bold]x[/]\n"


def test_a_table_on_a_terminal(on_terminal: OnTerminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[1mPORT" in on_terminal(lambda: _show(ROWS), "xterm-256color")
    lines = on_terminal(lambda: _show(ROWS)).splitlines()
    assert [line.rstrip() for line in lines] == ["PORT  LABEL", "3000  für Ana", "  80  [bold]x[/]"]


def test_nothing_is_cut_off_a_table(on_terminal: OnTerminal) -> None:
    assert on_terminal(lambda: _show([("3000", "x" * 200)])).count("x") == 200


def test_no_entries_are_told_to_people(capsys: pytest.CaptureFixture[str], on_terminal: OnTerminal) -> None:
    _show([])
    assert capsys.readouterr() == ("", "there are none\n")
    assert on_terminal(lambda: _show([])) == ""
    assert capsys.readouterr().err == "there are none\n"


@given(st.lists(st.tuples(st.text(st.characters()), st.text(st.characters())), max_size=5))
def test_each_entry_is_one_line_whatever_it_holds(rows: list[tuple[str, str]]) -> None:
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", io.StringIO())
        _show(rows)
        lines = stream.getvalue().split("\n")
        assert len(lines) == len(rows) + 1
        assert lines == [*stream.getvalue().splitlines(), ""]
        assert all(line.count("\t") == 1 for line in lines[:-1])
        assert "\x1b" not in stream.getvalue()
        stream.getvalue().encode()


@given(
    st.recursive(
        st.text(st.characters()) | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3)
    )
)
def test_json_is_one_line_of_ascii(value: object) -> None:
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        show_json(value)
    line = stream.getvalue()
    assert line.isascii()
    assert line.endswith("\n")
    assert line[:-1].isprintable() or line == "\n"
    assert json.loads(line) == value


def test_moments() -> None:
    assert moment(datetime(2030, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)) == "2030-01-02T03:04:05Z"
