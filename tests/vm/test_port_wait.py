"""Who waits for a port that nothing listens on, and what the others are told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import JsonValue, Unavailable
from hatchway.printable import printable
from hatchway.vm.port_wait import RETRY_SECONDS, Decision, Facts, decide, port_closed, process_exited
from hatchway.vm.records import Exit

SINCE = 100.0
BEFORE, WITHIN = 99.9, 100.0
WAIT, EXITED, CLOSED = Decision.WAIT, Decision.EXITED, Decision.CLOSED


@pytest.mark.parametrize(
    ("booted", "youngest", "spawned", "ended", "decision"),
    [
        # A process that started within the window is waited for, whatever else there is.
        (BEFORE, WITHIN, False, False, WAIT),
        (BEFORE, WITHIN, True, False, WAIT),
        (BEFORE, WITHIN, True, True, WAIT),
        (WITHIN, WITHIN, True, True, WAIT),
        # Else the end of the program spawned last is told, whatever older ones run, and however old the VM is.
        (BEFORE, None, True, True, EXITED),
        (BEFORE, BEFORE, True, True, EXITED),
        (WITHIN, None, True, True, EXITED),
        # A VM that has just booted, and nothing was spawned yet.
        (WITHIN, None, False, False, WAIT),
        # Nothing new.
        (BEFORE, None, False, False, CLOSED),
        (BEFORE, BEFORE, False, False, CLOSED),
        (BEFORE, BEFORE, True, False, CLOSED),
    ],
)
def test_who_waits(
    booted: float, youngest: float | None, spawned: bool, ended: bool, decision: Decision
) -> None:
    facts = Facts(booted=booted, youngest=youngest, spawned=spawned, last_spawned_ended=ended)
    assert decide(facts, SINCE) is decision


def test_a_port_that_nothing_listens_on() -> None:
    error = port_closed(3000)
    assert (error.code, error.status, error.retry_after) == ("port_closed", 502, None)
    assert error.message == "nothing listens on port 3000 in this VM"
    assert "3000" in error.hint
    assert error.details is None
    held = port_closed(3000, 9.996, may_yet_listen=True)
    assert held.message == "nothing listens on port 3000 in this VM, and nothing began to within 10 s"
    assert held.retry_after == RETRY_SECONDS
    assert "within" not in port_closed(3000, 0.04).message


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (Exit(3, None), "exited with code 3"),
        (Exit(0, None), "exited with code 0"),
        (Exit(None, 9), "was ended by signal 9 (SIGKILL)"),
        (Exit(None, 40), "was ended by signal 40"),
    ],
)
def test_a_program_that_has_ended(end: Exit, words: str) -> None:
    error = process_exited(3000, 7, ["node", "my server.js"], end, "SECRET of the guest")
    assert (error.code, error.status, error.retry_after) == ("process_exited", 502, None)
    assert error.message == f"nothing listens on port 3000, and the program started last in this VM {words}"
    assert error.details == {
        "pid": 7,
        "command": "node 'my server.js'",
        "exit_code": end.exit_code,
        "signal": end.signal,
        "stderr": "SECRET of the guest",
    }
    # A preview's visitor sees what is not in the details.
    assert "SECRET" not in error.message + error.hint
    assert "node" not in error.message + error.hint


def _details(error: Unavailable) -> dict[str, JsonValue]:
    assert error.details is not None
    return dict(error.details)


def test_a_long_command_is_cut() -> None:
    command = _details(process_exited(1, 2, ["sh", "-c", "x" * 10_000], Exit(1, None), ""))["command"]
    assert isinstance(command, str)
    assert len(command) == 200
    assert command.startswith("sh -c xxx")
    assert command.endswith("…")


@given(st.lists(st.binary(), min_size=1))
def test_any_command_can_be_told(argv: list[bytes]) -> None:
    command = [argument.decode(errors="surrogateescape") for argument in argv]
    details = _details(process_exited(1, 2, command, Exit(1, None), ""))
    assert isinstance(details["command"], str)
    assert len(details["command"]) <= 200
    assert details["command"] == printable(details["command"], one_line=True)
    json.dumps(details, ensure_ascii=False).encode()  # whole characters only
