"""When a service that has ended is started again, and when it is given up. Pure."""

from __future__ import annotations

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 10.0
"""A service that ran for so long was well: what went before does not count any more."""
MAX_FAILURES = 8
"""After so many ends in a row, each sooner than that, it is given up: within about a minute."""


class RestartPolicy:
    """Counts the ends of one service."""

    def __init__(self) -> None:
        self._failures = 0

    def delay_after(self, ran_seconds: float) -> float | None:
        """After how many seconds it is started again; None: not any more.

        Args:
            ran_seconds: how long it ran before it ended.
        """
        self._failures = 1 if ran_seconds >= STEADY_SECONDS else self._failures + 1
        if self._failures > MAX_FAILURES:
            return None
        return min(FIRST_DELAY_SECONDS * 2.0 ** (self._failures - 1), LONGEST_DELAY_SECONDS)
