"""What is open under a grant, by a fake clock."""

from __future__ import annotations

import asyncio

import pytest

from gateway.conftest import FakeClock
from hatchway.gateway.live_grants import LiveGrants


class Open:
    """Something open."""

    def __init__(self) -> None:
        self.cuts = 0
        self.cut_event = asyncio.Event()

    def cut(self) -> None:
        self.cuts += 1
        self.cut_event.set()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_closing_cuts_each_member_once(clock: FakeClock) -> None:
    grants = LiveGrants(clock)
    mine, too, other = Open(), Open(), Open()
    grants.enter(mine, 1, None, None)
    grants.enter(too, 1, None, None)
    grants.enter(other, 2, None, None)
    assert grants.close(1) == 2
    assert grants.close(1) == 0
    assert (mine.cuts, too.cuts, other.cuts) == (1, 1, 0)


async def test_a_member_moves(clock: FakeClock) -> None:
    grants = LiveGrants(clock)
    member = Open()
    left = grants.enter(member, 1, None, None)
    grants.enter(member, 2, None, left)
    assert grants.close(1) == 0
    assert grants.close(2) == 1


async def test_a_timer_closes_when_the_clock_says_so(clock: FakeClock) -> None:
    grants = LiveGrants(clock)
    member = Open()
    grants.enter(member, 1, clock.now + 0.01, None)
    clock.now += 0.01
    async with asyncio.timeout(10):
        await member.cut_event.wait()
    assert grants.close(1) == 0


async def test_one_timer_for_many_members_and_none_left_over(clock: FakeClock) -> None:
    grants = LiveGrants(clock)
    members = [Open() for _ in range(100)]
    live = [grants.enter(member, 1, clock.now + 60, None) for member in members]
    assert len({id(one.timer) for one in live}) == 1
    timer = live[0].timer
    assert timer is not None
    grants.close(1)
    assert timer.cancelled()
    assert all(member.cuts == 1 for member in members)


async def test_a_renewal_counts_for_all(clock: FakeClock) -> None:
    grants = LiveGrants(clock)
    first, second = Open(), Open()
    grants.enter(first, 1, clock.now + 60, None)
    grants.enter(second, 1, clock.now + 120, None)
    clock.now += 60
    grants.check()
    assert first.cuts == 0
    clock.now += 60
    grants.check()
    assert (first.cuts, second.cuts) == (1, 1)


async def test_a_renewal_reaches_what_is_open_without_a_request(clock: FakeClock) -> None:
    grants = LiveGrants(clock)
    later, sooner, over = Open(), Open(), Open()
    for number, member in enumerate((later, sooner, over)):
        grants.enter(member, number, clock.now + 60, None)
    grants.renew(0, clock.now + 120)
    grants.renew(1, clock.now + 30)
    assert over.cuts == 0
    grants.renew(2, clock.now)
    assert over.cuts == 1, "an end that has come is one"
    clock.now += 30
    grants.check()
    assert (later.cuts, sooner.cuts) == (0, 1)
    clock.now += 89.9
    grants.check()
    assert later.cuts == 0
    clock.now += 0.1
    grants.check()
    assert (later.cuts, sooner.cuts, over.cuts) == (1, 1, 1)


async def test_a_renewal_has_one_timer(clock: FakeClock) -> None:
    grants = LiveGrants(clock)
    live = grants.enter(Open(), 1, clock.now + 60, None)
    first = live.timer
    grants.renew(1, clock.now + 600)
    assert first is not None
    assert first.cancelled()
    assert live.timer is not None
    assert live.timer.when() - asyncio.get_running_loop().time() > 500
    assert grants.enter(Open(), 1, clock.now + 600, None) is live
    grants.shut()


async def test_a_renewal_of_what_was_closed_opens_nothing(clock: FakeClock) -> None:
    grants = LiveGrants(clock)
    member = Open()
    grants.enter(member, 1, clock.now + 60, None)
    grants.close(1)
    grants.renew(1, clock.now + 600)
    assert grants.close(1) == 0
    assert member.cuts == 1


async def test_checking_closes_what_a_clock_set_forward_has_ended_and_forgets_the_empty(
    clock: FakeClock,
) -> None:
    grants = LiveGrants(clock)
    ended, gone = Open(), Open()
    grants.enter(ended, 1, clock.now + 3600, None)
    live = grants.enter(gone, 2, clock.now + 7200, None)
    live.members.discard(gone)
    clock.now += 3600
    grants.check()
    assert ended.cuts == 1
    assert live.timer is not None
    assert live.timer.cancelled()
    assert grants.enter(gone, 2, None, None) is not live


async def test_far_ends_are_armed_in_steps(clock: FakeClock) -> None:
    grants = LiveGrants(clock)
    live = grants.enter(Open(), 1, clock.now + 10.0**12, None)
    assert live.timer is not None
    assert live.timer.when() - asyncio.get_running_loop().time() <= 86401
    grants.shut()
    assert live.timer.cancelled()
