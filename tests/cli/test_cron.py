from __future__ import annotations

import json

import msgspec
import pytest

from cli.conftest import Run
from client.stub_server import VM, StubServer, answer
from hatchway.cli.cron import _last
from hatchway.client.wire import CronJob, CronRun

RUN = {
    "started_at": "2030-01-02T03:30:00Z",
    "ended_at": "2030-01-02T03:30:01Z",
    "exit_code": 3,
    "signal": None,
    "timed_out": False,
    "output": "words",
    "error": None,
}
JOB = {
    "id": "nightly",
    "schedule": "30 4 * * *",
    "time_zone": "UTC",
    "command": ["sh", "-c", "a b"],
    "overlap": "skip",
    "cwd": None,
    "timeout": None,
    "created_at": "2030-01-02T03:04:05Z",
    "next_run_at": "2030-01-03T04:30:00Z",
    "running": 0,
    "queued": 0,
    "runs": 1,
    "skipped": 0,
    "last_run": RUN,
}
PLACE = f"{VM}/cron"


async def test_add_prints_the_id(run: Run, server: StubServer) -> None:
    server.on("POST", PLACE, answer(JOB))
    ran = await run(
        *(
            "cron",
            "add",
            "my-agent",
            "30 4 * * *",
            "--id",
            "nightly",
            "--overlap",
            "queue",
            "--timeout",
            "2.5",
        ),
        *("--time-zone", "Europe/Berlin", "--env", "A=b", "--cwd", "/srv", "--", "sh", "-c", "a b"),
    )
    assert (ran.code, ran.out, ran.err) == (0, b"nightly\n", "next: 2030-01-03T04:30:00Z\n")
    assert server.received[-1].json() == {
        "schedule": "30 4 * * *",
        "command": ["sh", "-c", "a b"],
        "id": "nightly",
        "overlap": "queue",
        "time_zone": "Europe/Berlin",
        "timeout": 2.5,
        "env": {"A": "b"},
        "cwd": "/srv",
    }
    ran = await run("cron", "add", "my-agent", "30 4 * * *", "--json", "--", "true")
    assert (json.loads(ran.out), ran.err) == (JOB, "")


async def test_list(run: Run, server: StubServer) -> None:
    other = {**JOB, "id": "other", "command": "a\tb", "time_zone": "Europe/Berlin", "next_run_at": None}
    other["last_run"] = None
    server.on("GET", PLACE, answer({"jobs": [JOB, other]}))
    ran = await run("cron", "list", "my-agent")
    assert ran.out.decode().splitlines() == [
        "nightly\t30 4 * * *\t2030-01-03T04:30:00Z\texit 3\tsh -c 'a b'",
        "other\t30 4 * * * Europe/Berlin\t-\t-\ta\ufffdb",
    ]
    ran = await run("cron", "list", "my-agent", "--json")
    assert json.loads(ran.out) == [JOB, other]
    server.on("GET", PLACE, answer({"jobs": []}))
    ran = await run("cron", "list", "my-agent")
    assert (ran.out, ran.err) == (b"", "this VM has no cron jobs\n")


async def test_remove(run: Run, server: StubServer) -> None:
    for cancelled, told in ((True, "removed"), (False, "there was no job with this id")):
        server.on("DELETE", f"{PLACE}/nightly", answer({"cancelled": cancelled}))
        ran = await run("cron", "remove", "my-agent", "nightly")
        assert (ran.code, ran.out, ran.err) == (0, b"", told + "\n")
        ran = await run("cron", "remove", "my-agent", "nightly", "--json")
        assert json.loads(ran.out) == {"cancelled": cancelled}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "exit 3"),
        ({"exit_code": None, "ended_at": None}, "runs"),
        ({"exit_code": None, "ended_at": None, "error": "the server ended"}, "failed"),
        ({"exit_code": None, "signal": 9}, "signal 9"),
        ({"exit_code": None, "signal": 9, "timed_out": True}, "timed out"),
    ],
)
def test_what_is_said_of_the_last_run(changed: dict[str, object], said: str) -> None:
    job = msgspec.convert({**JOB, "last_run": {**RUN, **changed}}, CronJob)
    assert isinstance(job.last_run, CronRun)
    assert _last(job.public()) == said
