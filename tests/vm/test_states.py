"""When a VM that nobody uses changes its state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.options import IdleOptions
from hatchway.vm.states import VmState, due_state, next_due

ORDER: list[VmState] = ["running", "paused", "asleep"]
seconds = st.floats(0, 100)
options = st.builds(IdleOptions, st.none() | seconds, st.none() | seconds)


@pytest.mark.parametrize(
    ("state", "idle", "due"),
    [
        ("running", 9.9, "running"),
        ("running", 10, "paused"),
        ("running", 20, "asleep"),
        ("paused", 0, "paused"),
        ("paused", 20, "asleep"),
        ("asleep", 0, "asleep"),
    ],
)
def test_what_is_due(state: VmState, idle: float, due: VmState) -> None:
    assert due_state(state, idle, IdleOptions(10, 20)) == due


def test_never_is_never() -> None:
    assert due_state("running", 1e9, IdleOptions(None, None)) == "running"
    assert next_due("running", 0, IdleOptions(None, None)) is None
    assert due_state("running", 20, IdleOptions(None, 10)) == "asleep"


@given(st.sampled_from(ORDER), seconds, options)
def test_a_vm_only_falls_and_not_before_it_is_due(
    state: VmState, idle: float, given_options: IdleOptions
) -> None:
    due = due_state(state, idle, given_options)
    assert ORDER.index(due) >= ORDER.index(state)
    wait = next_due(state, idle, given_options)
    if state == "asleep" or wait is None or wait > 0:
        assert due == state
    else:
        assert due != state
