"""Back-off of services that end."""

from __future__ import annotations

from hatchway.vm.restart_policy import (
    FIRST_DELAY_SECONDS,
    LONGEST_DELAY_SECONDS,
    MAX_FAILURES,
    STEADY_SECONDS,
    RestartPolicy,
)


def test_it_waits_longer_each_time_and_then_gives_up() -> None:
    policy = RestartPolicy()
    delays = [policy.delay_after(0.1) for _ in range(MAX_FAILURES)]
    told = [delay for delay in delays if delay is not None]
    assert len(told) == MAX_FAILURES
    assert told[0] == FIRST_DELAY_SECONDS
    assert told == sorted(told)
    assert told[-1] <= LONGEST_DELAY_SECONDS
    assert policy.delay_after(0.1) is None


def test_one_that_ran_well_starts_from_the_beginning() -> None:
    policy = RestartPolicy()
    for _ in range(MAX_FAILURES):
        policy.delay_after(0.1)
    assert policy.delay_after(STEADY_SECONDS) == FIRST_DELAY_SECONDS
    assert policy.delay_after(0.1) == 2 * FIRST_DELAY_SECONDS
