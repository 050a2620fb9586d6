"""The events of a VM: numbered, bounded, and told to any number of readers without a gap that is not said."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.vm.event_log import KEPT_BYTES, KEPT_EVENTS, CaughtUp, Event, EventLog, Missed, Told


def log_of(count: int, size: int = 0) -> EventLog:
    log = EventLog(lambda: 12.5)
    for number in range(count):
        log.publish("process_output", pid=number, stream="stdout", data=b"x" * size)
    return log


async def told(log: EventLog, after: int | None, kinds: list[str] | None = None) -> list[Told]:
    """All that a reader is told of what is there."""
    found: list[Told] = []
    async with aclosing(log.read(after, kinds)) as reading:
        async for each in reading:
            found.append(each)
            if isinstance(each, CaughtUp):
                break
    return found


def test_an_event_is_numbered_and_dated() -> None:
    log = EventLog(lambda: 12.5)
    assert log.last == 0
    event = log.publish("process_exit", pid=5, exit_code=0, signal=None)
    assert event == Event(1, "process_exit", 12.5, {"pid": 5, "exit_code": 0, "signal": None})
    assert log.last == 1
    assert log.since(0) == ([event], 0)
    assert log.since(1) == ([], 0)


def test_logs_are_told_apart() -> None:
    assert EventLog().epoch != EventLog().epoch


@given(
    sizes=st.lists(st.sampled_from([0, 1, 10_000, KEPT_BYTES // 3, KEPT_BYTES * 2]), max_size=60),
    after=st.integers(0, 60),
    most=st.none() | st.integers(1, 70),
)
def test_what_is_kept_and_what_is_missed_is_all_there_was(
    sizes: list[int], after: int, most: int | None
) -> None:
    log = EventLog(lambda: 0.0)
    events = [log.publish("shell_data", shell_id="", data=b"x" * size) for size in sizes]
    after = min(after, len(events))
    kept, missed = log.since(after, most)
    behind = events[after:]
    assert kept == behind[missed:][:most]
    everything, dropped = log.since(0)
    assert events[dropped:] == everything
    assert len(everything) >= min(1, len(events)), "the newest is kept however large it is"
    assert len(everything) <= 1 or sum(sizes[dropped:]) <= KEPT_BYTES


def test_no_more_than_so_many_are_kept() -> None:
    log = log_of(KEPT_EVENTS + 3)
    events, missed = log.since(0)
    assert (len(events), missed, events[0].number) == (KEPT_EVENTS, 3, 4)


async def test_a_reader_is_told_when_it_has_caught_up() -> None:
    log = log_of(3)
    assert await told(log, 1) == [*log.since(1)[0], CaughtUp(3)]
    assert await told(log, 3) == [CaughtUp(3)]
    assert await told(EventLog(), 0) == [CaughtUp(0)]


async def test_a_reader_is_told_what_it_missed() -> None:
    log = log_of(KEPT_EVENTS + 3)
    first, *_rest, last = await told(log, 1)
    assert (first, last) == (Missed(2, 3), CaughtUp(log.last))
    assert await told(EventLog(), None) == [Missed(None, 0), CaughtUp(0)]


async def test_kinds_are_chosen() -> None:
    log = log_of(2)
    end = log.publish("process_exit", pid=1)
    log.publish("vm_paused")
    assert await told(log, 0, ["process_exit"]) == [end, CaughtUp(4)]


async def test_readers_wait_for_what_comes() -> None:
    log = EventLog()
    async with aclosing(log.read(0)) as one, aclosing(log.read(0)) as other:
        for reading in (one, other):
            assert await anext(reading) == CaughtUp(0)
        waiting = [asyncio.ensure_future(anext(reading)) for reading in (one, other)]
        await asyncio.sleep(0)
        event = log.publish("vm_booted")
        assert await asyncio.gather(*waiting) == [event, event]
        gone = asyncio.ensure_future(anext(one))
        stays = asyncio.ensure_future(anext(other))
        await asyncio.sleep(0)
        gone.cancel()
        event = log.publish("vm_paused")
        assert await stays == event


async def test_one_that_is_slower_than_the_events_is_told_so_and_goes_on() -> None:
    log = log_of(1)
    numbers: list[int] = []
    missed = 0
    async with aclosing(log.read(0)) as reading:
        for _turn in range(5):
            for _ in range(KEPT_EVENTS):
                log.publish("process_output", pid=1)
            for _ in range(200):
                each = await anext(reading)
                if isinstance(each, Missed):
                    assert each.count is not None
                    assert each.number == (numbers[-1] if numbers else 0) + each.count
                    missed += each.count
                    numbers.append(each.number)
                elif isinstance(each, Event):
                    assert each.number == numbers[-1] + 1 if numbers else True
                    numbers.append(each.number)
    assert missed > 2 * KEPT_EVENTS


async def test_the_end_of_the_vm_ends_all_readers() -> None:
    log = log_of(1)
    reading = asyncio.ensure_future(_all(log))
    await asyncio.sleep(0)
    end = log.publish("vm_shutdown", reason="destroy")
    log.close()
    assert (await reading)[-1] == end
    assert (await _all(log))[-1] == CaughtUp(2), "and those who come later"


async def _all(log: EventLog) -> list[Told]:
    return [each async for each in log.read(0)]


@pytest.mark.parametrize(
    ("kinds", "looks"), [(None, True), (["port_opened", "vm_booted"], True), (["vm_booted"], False)]
)
async def test_somebody_looks_at_ports_only_for_who_wants_to_know(
    kinds: list[str] | None, looks: bool
) -> None:
    log = EventLog()
    begun = []
    log.followed = lambda: begun.append(1)
    async with aclosing(log.read(0, kinds)) as reading:
        assert await anext(reading) == CaughtUp(0)
        assert log.is_followed is looks
    assert log.is_followed is False
    assert bool(begun) is looks
