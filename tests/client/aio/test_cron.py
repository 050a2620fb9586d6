"""Cron jobs, asked for at a server that says what a test tells it to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from client.stub_server import VM, StubServer, answer, refusal
from hatchway.client import Agent, CronJob, CronRun
from hatchway.errors import Conflict, InvalidRequest

JOB = {
    "id": "nightly",
    "schedule": "30 4 * * *",
    "time_zone": "Europe/Berlin",
    "command": ["make", "all"],
    "overlap": "queue",
    "cwd": "/srv",
    "timeout": 2.5,
    "created_at": "2030-01-02T03:04:05Z",
    "next_run_at": "2030-01-03T04:30:00+01:00",
    "running": 1,
    "queued": 2,
    "runs": 3,
    "skipped": 4,
    "last_run": {
        "started_at": "2030-01-02T03:30:00Z",
        "ended_at": "2030-01-02T03:30:01.5Z",
        "exit_code": None,
        "signal": 9,
        "timed_out": True,
        "output": "words",
        "error": None,
    },
}
STARTED = datetime(2030, 1, 2, 3, 30, tzinfo=UTC)
PUBLIC = CronJob(
    id="nightly",
    schedule="30 4 * * *",
    time_zone="Europe/Berlin",
    command=("make", "all"),
    overlap="queue",
    cwd="/srv",
    timeout=2.5,
    created_at=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    next_run_at=datetime(2030, 1, 3, 3, 30, tzinfo=UTC),
    running=1,
    queued=2,
    runs=3,
    skipped=4,
    last_run=CronRun(STARTED, STARTED + timedelta(seconds=1.5), None, 9, True, "words", None),
)
PLAIN = {**JOB, "command": "true", "next_run_at": None, "last_run": None}


async def test_scheduling(agent: Agent, server: StubServer) -> None:
    server.on("POST", f"{VM}/cron", answer(JOB))
    job = await agent.schedule_cron(
        "30 4 * * *",
        ("make", "all"),
        id="nightly",
        overlap="queue",
        time_zone="Europe/Berlin",
        timeout=2.5,
        env={"A": "b"},
        cwd="/srv",
    )
    assert job == PUBLIC
    assert "words" not in repr(job)
    assert server.received[-1].json() == {
        "schedule": "30 4 * * *",
        "command": ["make", "all"],
        "id": "nightly",
        "overlap": "queue",
        "time_zone": "Europe/Berlin",
        "timeout": 2.5,
        "env": {"A": "b"},
        "cwd": "/srv",
    }
    server.on("POST", f"{VM}/cron", answer(PLAIN))
    job = await agent.schedule_cron("@daily", "true")
    assert (job.command, job.next_run_at, job.last_run) == ("true", None, None)
    assert server.received[-1].json() == {
        "schedule": "@daily",
        "command": "true",
        "overlap": "skip",
        "time_zone": "UTC",
    }
    server.on("POST", f"{VM}/cron", refusal("409 Conflict", "too_many_cron_jobs"))
    with pytest.raises(Conflict):
        await agent.schedule_cron("@daily", "true")


async def test_listing_and_cancelling(agent: Agent, server: StubServer) -> None:
    server.on("GET", f"{VM}/cron", answer({"jobs": [JOB, PLAIN]}))
    assert (await agent.list_cron_jobs())[0] == PUBLIC
    server.on("DELETE", f"{VM}/cron/nightly", answer({"cancelled": True}))
    assert await agent.cancel_cron_job("nightly") is True
    server.on("DELETE", f"{VM}/cron/nightly", answer({"cancelled": False}))
    assert await agent.cancel_cron_job("nightly") is False
    server.on("DELETE", f"{VM}/cron/nightly", refusal("404 Not Found", "vm_not_found"))
    assert await agent.cancel_cron_job("nightly") is False


@pytest.mark.parametrize("wrong", ["", "..", "a/b", "a?b", 5, None])
async def test_what_can_be_no_id_is_not_sent(agent: Agent, server: StubServer, wrong: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await agent.cancel_cron_job(wrong)
    assert caught.value.code == "invalid_cron_id"
    assert server.received == []
    with pytest.raises(InvalidRequest) as caught:
        await agent.schedule_cron("@daily", "true", timeout=-1)
    assert caught.value.code == "invalid_timeout"
    assert server.received == []
