"""Everything that is open under a grant, so that the end of the grant ends it.

A client's connection is a member of the grant of its last request, also while it idles: so a request under a
grant seen before costs a comparison, and one timer per grant ends all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Member(Protocol):
    """What is open under a grant: a client's connection or a tunnel."""

    def cut(self) -> None:
        """Ends at once; what was promised to the client is visibly incomplete."""
        ...


class LiveGrant:
    """One grant with members."""

    __slots__ = ("expires_at", "id", "members", "timer")

    def __init__(self, grant_id: int, expires_at: float | None) -> None:
        self.id = grant_id
        self.expires_at = expires_at
        """Seconds since the epoch; None: never."""
        self.members: set[Member] = set()
        self.timer: asyncio.TimerHandle | None = None

    def cut(self, at_most: int | None = None) -> int:
        """Cuts members, as many as there are or `at_most`. Returns how many there were of them."""
        count = len(self.members) if at_most is None else min(at_most, len(self.members))
        for _ in range(count):
            if self.members:  # to cut one may end another
                self.members.pop().cut()
        return count


class LiveGrants:
    """All grants with members.

    Args:
        clock: the time in seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._grants: dict[int, LiveGrant] = {}
        self.changes = 0
        """How many times a grant was closed or given another end: a decision that was under way meanwhile is asked for
        again."""

    def enter(
        self, member: Member, grant_id: int, expires_at: float | None, left: LiveGrant | None
    ) -> LiveGrant:
        """Makes `member` a member of a grant, and of no other: `left` is where it was.

        A changed `expires_at` counts for all members.
        """
        if left is not None:
            left.members.discard(member)
        live = self._grants.get(grant_id)
        if live is None:
            live = self._grants[grant_id] = LiveGrant(grant_id, None)
        live.members.add(member)
        if live.expires_at != expires_at:
            live.expires_at = expires_at
            self._arm(live)
        return live

    def renew(self, grant_id: int, expires_at: float) -> None:
        """Gives a grant another end (seconds since the epoch), for all that is open under it. One that has come already
        closes it."""
        self.changes += 1
        live = self._grants.get(grant_id)
        if live is None:
            return
        live.expires_at = expires_at
        if expires_at <= self._clock():
            self.close(grant_id)
        else:
            self._arm(live)

    def close(self, grant_id: int) -> int:
        """Cuts every member of a grant. Returns how many there were."""
        live = self.end(grant_id)
        return 0 if live is None else live.cut()

    def end(self, grant_id: int) -> LiveGrant | None:
        """Ends a grant here, and returns it if it has members, which are still to be cut."""
        self.changes += 1
        live = self._grants.pop(grant_id, None)
        if live is not None and live.timer is not None:
            live.timer.cancel()
        return live

    def check(self) -> None:
        """Closes every grant whose time is over, and forgets those without members.

        Called now and then beside the timers, because the system's clock may be set forward.
        """
        now = self._clock()
        for live in list(self._grants.values()):
            if live.expires_at is not None and live.expires_at <= now:
                self.close(live.id)
            elif not live.members:
                del self._grants[live.id]
                if live.timer is not None:
                    live.timer.cancel()

    def _arm(self, live: LiveGrant) -> None:
        if live.timer is not None:
            live.timer.cancel()
            live.timer = None
        if live.expires_at is not None:
            delay = max(0.0, live.expires_at - self._clock())
            # A loop's timers reach about a month; a longer one is armed again when it fires.
            live.timer = asyncio.get_running_loop().call_later(min(delay, 86400.0), self._fired, live)

    def _fired(self, live: LiveGrant) -> None:
        live.timer = None
        if live.expires_at is not None and live.expires_at <= self._clock():
            self.close(live.id)
        else:
            self._arm(live)

    def shut(self) -> None:
        """Cancels all timers; the members are closed by whoever owns them."""
        for live in self._grants.values():
            if live.timer is not None:
                live.timer.cancel()
        self._grants.clear()
