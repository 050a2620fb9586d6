# Written by tools/generate-sync-client from hatchway/client/aio/cron.py.
"""The cron jobs of one VM: commands that are run in it at set times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hatchway.client import wire
from hatchway.client.cron_answers import CronJob
from hatchway.client.parameters import cron_body, cron_path
from hatchway.client.sync.vm_calls import VmActions
from hatchway.vm.cron_job import Overlap


class Cron(VmActions):
    """What an agent does with cron jobs."""

    def schedule_cron(
        self,
        schedule: str,
        command: str | Sequence[str],
        *,
        id: str | None = None,  # noqa: A002 - as the job has it
        overlap: Overlap = "skip",
        time_zone: str = "UTC",
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> CronJob:
        """Schedule a command: at each of its times the VM wakes, if it has to, and the command is run.

        It is kept until it is cancelled or the VM destroyed, also while the server is down; times that pass then are
        not made up for.

        Args:
            schedule: five fields as in crontab(5), such as `*/5 * * * *`, or `@hourly`, `@daily` and their like.
            command: text is run by `/bin/sh -c`; a sequence is a program and its arguments, without a shell.
            id: 1 to 64 letters, digits, dots, underscores and dashes. A job that has it already is replaced: what runs
                of it goes on. By default one is made.
            overlap: what happens when it is time and the job still runs: `"skip"` leaves that time out, `"queue"` runs
                it afterwards, `"allow"` runs it beside.
            time_zone: a name of the IANA database: whose clocks the schedule means.
            timeout: seconds after which a run is killed; None: never.
            env: added to the VM's own environment. It is kept in the server's database.
            cwd: the working directory; by default /home/user.

        Raises:
            InvalidRequest: `invalid_schedule`, `invalid_time_zone`, `invalid_cron_id`, `invalid_command`,
                `cron_job_too_large` and others.
            Conflict: `too_many_cron_jobs`.
        """
        body = cron_body(schedule, command, id, overlap, time_zone, timeout, env, cwd)
        answer = self._vm.call("POST", "/cron", wire.CronJob, body=body)
        return answer.public()

    def list_cron_jobs(self) -> list[CronJob]:
        """The cron jobs of the VM, by id, each with its next time and its last run. Does not wake the VM."""
        answer = self._vm.call("GET", "/cron", wire.CronJobs)
        return [job.public() for job in answer.jobs]

    def cancel_cron_job(self, id: str) -> bool:  # noqa: A002
        """Run a job no more, and end what runs of it. False if there was none.

        Raises:
            InvalidRequest: `invalid_cron_id`, for what can be no id.
        """
        answer = self._vm.call_if_there("DELETE", cron_path(id), wire.Cancelled)
        return answer is not None and answer.cancelled
