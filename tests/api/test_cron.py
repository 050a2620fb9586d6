"""Cron jobs over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hatchway.vm.cron_job import MAX_BYTES, CronJob, CronRun


async def test_a_job_is_scheduled_listed_and_cancelled(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any
) -> None:
    body = {
        "schedule": "30 4 * * MON-FRI",
        "command": ["sh", "-c", "make"],
        "id": "nightly",
        "time_zone": "UTC",
        "overlap": "queue",
        "env": {"SECRET": "value"},
        "cwd": "/srv",
        "timeout": 2.5,
    }
    services.last_run = CronRun(1_000_000.0, 1_000_001.5, 3, None, False, "last words", None)
    answer = await client.post(f"{vm}/cron", json=body)
    assert answer.status_code == 200
    job = answer.json()
    assert "value" not in answer.text
    assert "env" not in job
    assert {name: job[name] for name in body if name != "env"} == {
        name: value for name, value in body.items() if name != "env"
    }
    assert job["next_run_at"] == "1970-01-13T04:30:00Z"
    assert job["last_run"] == {
        "started_at": "1970-01-12T13:46:40Z",
        "ended_at": "1970-01-12T13:46:41.500000Z",
        "exit_code": 3,
        "signal": None,
        "timed_out": False,
        "output": "last words",
        "error": None,
    }
    assert next(iter(services.jobs.values())).job == CronJob(
        "nightly", "30 4 * * MON-FRI", ["sh", "-c", "make"], "UTC", "queue", {"SECRET": "value"}, "/srv", 2.5
    )
    assert (await client.get(f"{vm}/cron")).json() == {"jobs": [job]}
    assert (await client.delete(f"{vm}/cron/nightly")).json() == {"cancelled": True}
    assert (await client.delete(f"{vm}/cron/nightly")).json() == {"cancelled": False}
    refused(await client.delete(f"{vm}/cron/no%20id"), 404, "cron_job_not_found")
    assert (await client.get(f"{vm}/cron")).json() == {"jobs": []}


async def test_an_id_is_made_and_the_rest_has_defaults(
    client: httpx.AsyncClient, services: Any, vm: str
) -> None:
    made = [
        (await client.post(f"{vm}/cron", json={"schedule": "@daily", "command": "true"})).json() for _ in "12"
    ]
    assert made[0]["id"] != made[1]["id"]
    for job in made:
        assert job["command"] == "true"
        assert (job["time_zone"], job["overlap"], job["timeout"], job["last_run"]) == (
            "UTC",
            "skip",
            None,
            None,
        )


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"schedule": "* * * *"}, 400, "invalid_schedule"),
        ({"time_zone": "../../etc/passwd"}, 400, "invalid_time_zone"),
        ({"id": ".."}, 400, "invalid_cron_id"),
        ({"id": ""}, 400, "invalid_cron_id"),
        ({"overlap": "maybe"}, 400, "invalid_request"),
        ({"timeout": 0}, 400, "invalid_request"),
        ({"command": []}, 400, "invalid_command"),
        ({"command": "a\0"}, 400, "invalid_command"),
        ({"command": "a" * (MAX_BYTES + 1)}, 413, "cron_job_too_large"),
        ({"env": {"": "x"}}, 400, "invalid_environment"),
        ({"cwd": "a/../b"}, 400, "invalid_path"),
    ],
)
async def test_what_cannot_be_is_refused(
    client: httpx.AsyncClient, services: Any, vm: str, refused: Any, wrong: Any, status: int, code: str
) -> None:
    refused(
        await client.post(f"{vm}/cron", json={"schedule": "@daily", "command": "true", **wrong}), status, code
    )
    assert services.jobs == {}


async def test_too_many_and_no_vm(client: httpx.AsyncClient, services: Any, vm: str, refused: Any) -> None:
    services.most_jobs = 0
    body = {"schedule": "@daily", "command": "true"}
    refused(await client.post(f"{vm}/cron", json=body), 409, "too_many_cron_jobs")
    nowhere = f"/api/vms/{'n' * 20}/cron"
    refused(await client.post(nowhere, json=body), 404, "vm_not_found")
    refused(await client.get(nowhere), 404, "vm_not_found")
    refused(await client.delete(f"{nowhere}/x"), 404, "vm_not_found")
