from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.errors import InvalidRequest
from hatchway.vm.cron_job import (
    MAX_BYTES,
    MAX_QUEUED,
    MAX_RUNNING,
    CronJob,
    Overlap,
    check_job,
    check_job_id,
    new_job_id,
    what_to_do,
)


@pytest.mark.parametrize("job_id", ["a", "A.b-c_9", "9" * 64, new_job_id()])
def test_ids(job_id: str) -> None:
    assert check_job_id(job_id) == job_id


@pytest.mark.parametrize("job_id", ["", ".", "..", "-a", "_", "a/b", "a b", "a\n", "\u00e4", "a" * 65])
def test_what_is_no_id(job_id: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_job_id(job_id)
    assert caught.value.code == "invalid_cron_id"


@pytest.mark.parametrize(
    "job",
    [
        CronJob("a", "@daily", "x" * MAX_BYTES),
        CronJob("a", "@daily", ["x", "\u00fc" * (MAX_BYTES // 2 - 3)], env={"NAME": "x"}),
    ],
)
def test_a_jobs_size_is_bounded_in_bytes(job: CronJob) -> None:
    assert check_job(job) is job
    more = CronJob("a", "@daily", job.command, env={**job.env, "X": ""})
    with pytest.raises(InvalidRequest) as caught:
        check_job(more)
    assert caught.value.code == "cron_job_too_large"


def test_a_job_shows_no_secret() -> None:
    assert "secret" not in repr(CronJob("a", "@daily", "true", env={"TOKEN": "secret"}))


COUNTS = st.integers(0, 40)


@given(st.sampled_from(["allow", "skip", "queue"]), COUNTS, COUNTS, COUNTS)
def test_what_becomes_of_a_run(overlap: Overlap, running: int, queued: int, others: int) -> None:
    decision = what_to_do(overlap, running, queued, running + others)
    if decision == "start":
        assert running + others < MAX_RUNNING
        assert overlap == "allow" or running == 0
    elif decision == "queue":
        assert overlap == "queue"
        assert running
        assert queued < MAX_QUEUED
    else:
        full = running + others >= MAX_RUNNING
        assert full or (overlap == "skip" and running) or (overlap == "queue" and queued >= MAX_QUEUED)
