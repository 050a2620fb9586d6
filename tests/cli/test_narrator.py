from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from rich.text import Text

from hatchway.cli.narrator import Narrator


def test_a_story() -> None:
    file = io.StringIO()
    narrator = Narrator(Console(file=file, width=80))
    narrator.title("Title")
    with narrator.step("First", "one()\n    two()"):
        narrator.answer("200 OK\n[bold]not markup")
    with narrator.step("Second"):
        narrator.answer("")
    narrator.closing(Text("End"))
    told = re.sub(r"\d+\.\d ms", "N ms", file.getvalue())
    assert told == (
        "Title\n"
        "\n 1  First\n    one()\n        two()\n    → 200 OK\n    → [bold]not markup\n    N ms\n"
        "\n 2  Second\n    → \n    N ms\n"
        "\nEnd\n"
    )


def test_a_step_that_fails_has_no_time() -> None:
    file = io.StringIO()
    narrator = Narrator(Console(file=file, width=80))
    with pytest.raises(ValueError, match="no"), narrator.step("First"):
        raise ValueError("no")
    assert file.getvalue() == "\n 1  First\n"
