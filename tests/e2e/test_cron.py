"""A cron job outlives its server, however that ends, and wakes its VM."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.server_process import ServerProcess
from e2e.waiting import eventually
from hatchway import Agent, AsyncClient

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

A_MINUTE_AND_MORE = 80.0


async def test_a_job_is_run_after_its_server_was_killed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("worker")
            await agent.write_file("kept", "from before")
            scheduled = await agent.schedule_cron("* * * * *", "cat kept; exit 3", id="each-minute")
            server.kill()
    with ServerProcess(tmp_path) as again:
        async with AsyncClient(again.url) as client:
            agent = client.vm.get_or_create("worker")
            (job,) = await agent.list_cron_jobs()
            assert (job.id, job.command, job.created_at) == (
                "each-minute",
                "cat kept; exit 3",
                scheduled.created_at,
            )
            await eventually(lambda: _has_ended(agent), "the job has been run", A_MINUTE_AND_MORE)
            assert (await agent.info()).state == "running", "it woke for its job"
            (job,) = await agent.list_cron_jobs()
            assert job.last_run is not None
            assert (job.last_run.exit_code, job.last_run.output) == (3, "from before")
            assert await agent.cancel_cron_job("each-minute") is True
        assert again.terminate() == 0
    assert b"Traceback" not in again.output


async def _has_ended(agent: Agent) -> bool:
    (job,) = await agent.list_cron_jobs()
    return job.last_run is not None and job.last_run.ended_at is not None
