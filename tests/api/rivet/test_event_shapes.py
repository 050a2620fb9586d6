from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rivet.js_strategies import any_text
from hatchway.api.rivet.connection_messages import Writer
from hatchway.api.rivet.encodings import VERSIONS, Encoding
from hatchway.api.rivet.events import MISSED, NAMES, OF_PORTS, TOLD, kinds, payload
from hatchway.vm.event_log import KINDS, Event, EventKind


def told(kind: EventKind, **data: object) -> dict[str, Any]:
    return payload(Event(1, kind, 0.5, data))


def test_every_kind_has_a_name() -> None:
    assert set(NAMES) == KINDS
    assert len(set(NAMES.values())) == len(NAMES)
    assert {*NAMES.values(), MISSED} == TOLD
    assert kinds(ports=True) == KINDS
    assert KINDS - kinds(ports=False) == {"port_opened", "port_closed"}
    assert {NAMES["port_opened"], NAMES["port_closed"]} == OF_PORTS


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (
            "process_output",
            {"pid": 5, "stream": "stdout", "data": b"\xff"},
            {"pid": 5, "stream": "stdout", "data": b"\xff"},
        ),
        ("process_exit", {"pid": 5, "exit_code": 3, "signal": None}, {"pid": 5, "exitCode": 3}),
        ("process_exit", {"pid": 5, "exit_code": None, "signal": 9}, {"pid": 5, "exitCode": 137}),
        ("shell_data", {"shell_id": "s", "data": b"x"}, {"shellId": "s", "data": b"x"}),
        (
            "shell_exit",
            {"shell_id": "s", "exit_code": None, "signal": None},
            {"shellId": "s", "exitCode": None},
        ),
        ("vm_shutdown", {"reason": "sleep"}, {"reason": "sleep"}),
        ("vm_booted", {}, {}),
        ("vm_disk_full", {"bytes": 2**40, "limit": 1}, {"bytes": 2**40, "limit": 1}),
        (
            "service_state",
            {"service": "s", "state": "failed", "last_words": "w"},
            {"service": "s", "state": "failed", "lastWords": "w"},
        ),
    ],
)
def test_as_the_clients_users_know_them(
    kind: EventKind, data: dict[str, object], expected: dict[str, Any]
) -> None:
    assert told(kind, **data) == expected


@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(any_text, st.none() | st.integers(0, 2**40) | any_text | st.binary()),
    st.sampled_from(Encoding),
    st.sampled_from(VERSIONS),
)
def test_whatever_a_guest_says_can_be_told(
    kind: EventKind, data: dict[str, object], encoding: Encoding, version: int
) -> None:
    event = Event(1, kind, 0.5, {**data, "exit_code": None, "signal": 2})
    Writer(encoding, version).event(NAMES[kind], [payload(event)])
