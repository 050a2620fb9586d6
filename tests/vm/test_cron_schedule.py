from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import InvalidRequest
from hatchway.vm.cron_schedule import ALIASES, MAX_CHARACTERS, Schedule, parse_schedule

MINUTE = 60.0
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
RANGES = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]
MOMENTS = st.floats(0, 4e9)


def seconds(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def times(schedule: str, zone: str, after: float, count: int) -> list[str]:
    """The next times, as UTC says them."""
    parsed = parse_schedule(schedule, zone)
    found = []
    for _ in range(count):
        following = parsed.next_after(after)
        assert following is not None
        after = following
        found.append(datetime.fromtimestamp(after, UTC).strftime("%m-%d %H:%M"))
    return found


def parsed(text: str, zone: str = "UTC") -> Schedule | InvalidRequest:
    """The schedule, or why it is none."""
    try:
        return parse_schedule(text, zone)
    except InvalidRequest as refusal:
        return refusal


@st.composite
def fields(draw: st.DrawFn) -> tuple[str, list[set[int]]]:
    """Five fields of lists, ranges and steps, and which numbers each of them means."""
    texts, meanings = [], []
    for low, high in RANGES:
        number = st.integers(low, high)
        kind = draw(st.sampled_from(["star", "step", "list", "range"]))
        if kind == "star":
            text, meaning = "*", set(range(low, high + 1))
        elif kind == "step":
            step = draw(st.integers(1, high))
            text, meaning = f"*/{step}", set(range(low, high + 1, step))
        elif kind == "list":
            chosen = draw(st.lists(number, min_size=1, max_size=4))
            text, meaning = ",".join(map(str, chosen)), set(chosen)
        else:
            first, last = sorted((draw(number), draw(number)))
            text, meaning = f"{first}-{last}", set(range(first, last + 1))
        # The parser counts Sunday as 0 and 7, so that a step over the days of the week ends elsewhere than ours.
        if kind == "step" and (low, high) == (0, 6):
            text, meaning = "*", set(range(7))
        texts.append(text)
        meanings.append(meaning)
    return " ".join(texts), meanings


@given(fields(), st.floats(0, 4e9))
def test_the_next_time_in_utc_is_the_first_whole_minute_that_fits(
    given_fields: tuple[str, list[set[int]]], after: float
) -> None:
    text, (minutes, hours, days, months, weekdays) = given_fields

    def day_fits(day: datetime) -> bool:
        of_month, of_week = day.day in days, (day.weekday() + 1) % 7 in weekdays
        starred = text.split()[2].startswith("*") or text.split()[4].startswith("*")
        return day.month in months and (of_month and of_week if starred else of_month or of_week)

    schedule = parsed(text)
    if isinstance(schedule, InvalidRequest):
        assert schedule.code == "invalid_schedule"
        assert months <= {2, 4, 6, 9, 11}, "only days that short months do not have"
        assert min(days) > 29
        return
    found = schedule.next_after(after)
    assert found is not None
    assert found > after
    moment = datetime.fromtimestamp(found, UTC)
    assert (moment.second, moment.microsecond) == (0, 0)
    assert moment.minute in minutes
    assert moment.hour in hours
    assert day_fits(moment)
    # Nothing before it fits: no day between, and nothing earlier on its own day.
    start = datetime.fromtimestamp(int(after // MINUTE) * MINUTE, UTC) + timedelta(minutes=1)
    day = start.replace(hour=0, minute=0)
    while day.date() < moment.date():
        if day_fits(day):
            assert day.date() == start.date(), "only the first day may be over already"
            assert not any((h, m) >= (start.hour, start.minute) for h in hours for m in minutes)
        day += timedelta(days=1)
    earliest = (start.hour, start.minute) if start.date() == moment.date() else (0, 0)
    assert (moment.hour, moment.minute) == min((h, m) for h in hours for m in minutes if (h, m) >= earliest)


@given(fields(), st.sampled_from(ZONES), MOMENTS)
def test_time_goes_on_wherever_clocks_are_changed(
    given_fields: tuple[str, list[set[int]]], zone: str, after: float
) -> None:
    text, _ = given_fields
    schedule = parsed(text, zone)
    if isinstance(schedule, InvalidRequest):
        return
    for _ in range(5):
        following = schedule.next_after(after)
        assert following is not None
        assert following > after
        after = following


@given(st.one_of(st.text(max_size=MAX_CHARACTERS + 5), st.text("0123456789*/,-#LW @MONDAY\t", max_size=30)))
def test_anything_else_is_refused_in_our_words(text: str) -> None:
    schedule = parsed(text)
    if isinstance(schedule, InvalidRequest):
        assert schedule.code == "invalid_schedule"
        assert "Error" not in schedule.message
        assert schedule.hint
    else:
        assert schedule.next_after(0.0) is not None


@given(st.text(max_size=40))
def test_time_zones_are_names_and_no_paths(name: str) -> None:
    schedule = parsed("@daily", name)
    if isinstance(schedule, InvalidRequest):
        assert schedule.code == "invalid_time_zone"
    else:
        assert re.fullmatch(r"[\w+/-]+", name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/etc/localtime",
        "../../etc/passwd",
        "Europe",
        "Europe/",
        "Europe/Nowhere",
        "a\0",
        "x" * 99,
    ],
)
def test_what_is_no_time_zone(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_schedule("@daily", name)
    assert caught.value.code == "invalid_time_zone"
    assert "/usr" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("@reboot", "@hourly"),
        ("61 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day-of-month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day-of-week"),
        ("*/0 * * * *", "minute"),
        ("5-1 * * * *", "minute"),
        ("0 0 31 2 *", "day-of-month"),
        ("* * */20 * 1L", "no such day"),
        ("* * * * *" + " " * MAX_CHARACTERS, "characters"),
        ("\u0662 * * * *", "ASCII"),
    ],
)
def test_what_is_no_schedule(text: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_schedule(text)
    assert caught.value.code == "invalid_schedule"
    assert said in caught.value.message


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases_mean_their_fields(alias: str) -> None:
    assert parse_schedule(f" {alias.upper()} ") == parse_schedule(ALIASES[alias])


def test_names_and_last_days() -> None:
    after = seconds("2026-11-24T12:00")
    assert times("0 9 * * mon-fri", "UTC", after, 4) == [
        "11-25 09:00",
        "11-26 09:00",
        "11-27 09:00",
        "11-30 09:00",
    ]
    assert times("0 0 L jan,feb *", "UTC", after, 2) == ["01-31 00:00", "02-28 00:00"]
    assert times("0 0 * * MON#1", "UTC", after, 2) == ["12-07 00:00", "01-04 00:00"]


def test_a_day_or_a_weekday_as_in_crontab() -> None:
    assert times("0 0 13 * FRI", "UTC", seconds("2026-11-24T12:00"), 4) == [
        "11-27 00:00",
        "12-04 00:00",
        "12-11 00:00",
        "12-13 00:00",
    ]


def test_a_time_that_is_skipped_comes_at_the_end_of_the_gap_once() -> None:
    """In Berlin on 2026-03-29, 2:00 is 3:00."""
    after = seconds("2026-03-28T12:00")
    assert times("30 2 * * *", "Europe/Berlin", after, 3) == ["03-29 01:00", "03-30 00:30", "03-31 00:30"]
    assert times("0,15,30 2 * * *", "Europe/Berlin", after, 2) == ["03-29 01:00", "03-30 00:00"]
    # What goes by the time that passes has no gap.
    assert times("0 * * * *", "Europe/Berlin", seconds("2026-03-28T23:30"), 2) == [
        "03-29 00:00",
        "03-29 01:00",
    ]


def test_a_time_that_comes_twice_is_the_first() -> None:
    """In Berlin on 2026-10-25, 3:00 is 2:00 again."""
    after = seconds("2026-10-24T12:00")
    assert times("30 2 * * *", "Europe/Berlin", after, 2) == ["10-25 00:30", "10-26 01:30"]
    # Asked in the second 2:10, the first 2:30 is past.
    assert times("30 2 * * *", "Europe/Berlin", seconds("2026-10-25T01:10"), 1) == ["10-26 01:30"]
    assert times("*/30 2 * * *", "Europe/Berlin", after, 4) == [
        "10-25 00:00",
        "10-25 00:30",
        "10-25 01:00",
        "10-25 01:30",
    ]
