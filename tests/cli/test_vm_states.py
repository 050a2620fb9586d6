"""Numbers of seconds, or never, on the command line."""

from __future__ import annotations

import pytest
import typer

from hatchway.cli.vm_states import seconds


def test_seconds_and_never() -> None:
    assert seconds("1.5", "--x") == 1.5
    assert seconds("never", "--x") is None
    with pytest.raises(typer.BadParameter, match="neither a number nor never"):
        seconds("soon", "--x")
