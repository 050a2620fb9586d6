"""Cron jobs, as an agent schedules them. None of them runs: test_cron.py one folder up waits for one that does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hatchway import Agent, InvalidRequest

pytestmark = pytest.mark.sandbox


async def test_jobs_are_scheduled_listed_replaced_and_cancelled(agent: Agent) -> None:
    assert await agent.list_cron_jobs() == []
    made = await agent.schedule_cron("0 0 29 2 *", "true", env={"A": "secret"})
    nightly = await agent.schedule_cron(
        "30 4 * * *",
        ["make", "all"],
        id="nightly",
        overlap="queue",
        time_zone="Europe/Berlin",
        timeout=60,
        cwd="/srv",
    )
    assert nightly.next_run_at is not None
    assert timedelta(0) < nightly.next_run_at - datetime.now(UTC) <= timedelta(days=1, hours=1)
    assert nightly.next_run_at.hour in {2, 3}
    assert (nightly.command, nightly.runs, nightly.last_run) == (("make", "all"), 0, None)
    assert await agent.list_cron_jobs() == sorted([made, nightly], key=lambda job: job.id)
    assert (await agent.info()).state == "asleep", "none of it needs the VM"
    other = await agent.schedule_cron("@yearly", "true", id="nightly")
    assert (other.schedule, other.overlap, other.created_at) == ("@yearly", "skip", nightly.created_at)
    assert await agent.cancel_cron_job("nightly") is True
    assert await agent.cancel_cron_job("nightly") is False
    assert await agent.list_cron_jobs() == [made]
    await agent.destroy()
    assert await agent.cancel_cron_job(made.id) is False
    assert await agent.list_cron_jobs() == []


async def test_what_makes_no_sense_is_refused(agent: Agent) -> None:
    for schedule, time_zone, code in (
        ("every day", "UTC", "invalid_schedule"),
        ("0 0 31 2 *", "UTC", "invalid_schedule"),
        ("@daily", "Mars/Phobos", "invalid_time_zone"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            await agent.schedule_cron(schedule, "true", time_zone=time_zone)
        assert caught.value.code == code
        assert caught.value.hint
    assert await agent.list_cron_jobs() == []
