"""Cron schedules: what they mean, and when their next time is. Pure.

Five fields as in crontab(5): minute, hour, day of the month, month, day of the week; or `@hourly` and its like. `L`,
`LW` and `MON#2` are understood too.

Where a time zone changes its clocks, it is as in Debian's cron(8): what runs at fixed times runs once that day, at the
end of the gap if its time is skipped, and the first time if its time comes twice. What runs by a `*` in its minute or
hour goes by the time that passes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from hatchway.errors import InvalidRequest

MAX_CHARACTERS = 200
"""Of a schedule."""

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""crontab(5), but for `@reboot`."""

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times that come again and again. Made by `parse_schedule`."""

    fields: str
    """The five fields."""
    zone: tzinfo
    """Whose clocks they mean."""

    def next_after(self, seconds: float) -> float | None:
        """The first of its times behind a moment; both in seconds since the epoch. None: none in fifty years."""
        for moment in CronSim(self.fields, datetime.fromtimestamp(seconds, self.zone)):
            # Where clocks are set back, a time may come that was there before; and where they are set forward, several
            # of its times are one.
            if moment.timestamp() > seconds:
                return moment.timestamp()
        return None


def parse_schedule(text: str, time_zone: str = "UTC") -> Schedule:
    """A schedule, if it has any time at all.

    Args:
        text: five fields or an alias, at most `MAX_CHARACTERS` long.
        time_zone: a name of the IANA time zone database.

    Raises:
        InvalidRequest: `invalid_schedule`, `invalid_time_zone`.
    """
    if len(text) > MAX_CHARACTERS or not text.isascii():
        raise _invalid(f"it must be at most {MAX_CHARACTERS} ASCII characters")
    stripped = text.strip()
    fields = ALIASES.get(stripped.lower(), stripped)
    if fields.startswith("@"):
        raise _invalid(f"of names there are {', '.join(ALIASES)}")
    if len(fields.split()) != 5:
        raise _invalid("it must have five fields")
    schedule = Schedule(fields, _zone(time_zone))
    try:
        first = schedule.next_after(0.0)
    except CronSimError as error:
        raise _invalid(_in_a_sentence(error)) from None
    if first is None:
        raise _invalid("there is no such day")
    return schedule


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # there without any database
    # The database is a folder: names are checked before they become paths.
    if _ZONE.fullmatch(name) is not None:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    raise InvalidRequest(
        "invalid_time_zone",
        "the server knows no time zone of this name",
        "give a name such as UTC or Europe/Berlin; the server's machine needs the package tzdata for all but UTC",
    )


def _in_a_sentence(error: CronSimError) -> str:
    """What the parser says, in our words: it names the field, such as `Bad day-of-month`."""
    said = str(error)
    return (
        f"its {said.removeprefix('Bad ')} field is wrong" if said.startswith("Bad ") else "it cannot be read"
    )


def _invalid(why: str) -> InvalidRequest:
    return InvalidRequest(
        "invalid_schedule",
        f"this is no cron schedule: {why}",
        "for example */5 * * * *, or 30 4 * * MON-FRI, or @daily: minute, hour, day, month, day of the week",
    )
