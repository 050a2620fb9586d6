# Written by tools/generate-sync-client from tests/e2e/aio/test_cron.py.
"""Cron jobs, as an agent schedules them. None of them runs: test_cron.py one folder up waits for one that does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hatchway import InvalidRequest, SyncAgent

pytestmark = pytest.mark.sandbox


def test_jobs_are_scheduled_listed_replaced_and_cancelled(agent: SyncAgent) -> None:
    assert agent.list_cron_jobs() == []
    made = agent.schedule_cron("0 0 29 2 *", "true", env={"A": "secret"})
    nightly = agent.schedule_cron(
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
    assert agent.list_cron_jobs() == sorted([made, nightly], key=lambda job: job.id)
    assert (agent.info()).state == "asleep", "none of it needs the VM"
    other = agent.schedule_cron("@yearly", "true", id="nightly")
    assert (other.schedule, other.overlap, other.created_at) == ("@yearly", "skip", nightly.created_at)
    assert agent.cancel_cron_job("nightly") is True
    assert agent.cancel_cron_job("nightly") is False
    assert agent.list_cron_jobs() == [made]
    agent.destroy()
    assert agent.cancel_cron_job(made.id) is False
    assert agent.list_cron_jobs() == []


def test_what_makes_no_sense_is_refused(agent: SyncAgent) -> None:
    for schedule, time_zone, code in (
        ("every day", "UTC", "invalid_schedule"),
        ("0 0 31 2 *", "UTC", "invalid_schedule"),
        ("@daily", "Mars/Phobos", "invalid_time_zone"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            agent.schedule_cron(schedule, "true", time_zone=time_zone)
        assert caught.value.code == code
        assert caught.value.hint
    assert agent.list_cron_jobs() == []
