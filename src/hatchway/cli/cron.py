"""`hatchway cron add|list|remove`: commands that are run in a VM at set times."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, Any

import typer

from hatchway.cli.options import (
    DEFAULT_KIND,
    DEFAULT_URL,
    CommandArgument,
    CwdOption,
    EnvOption,
    JsonOption,
    KeyArgument,
    KindOption,
    RunsACommand,
    UrlOption,
    environment,
    with_agent,
    with_existing,
)
from hatchway.cli.tables import HOW_LISTS_ARE_PRINTED, moment, show_json, show_list
from hatchway.cli.terminal import say
from hatchway.client import Agent
from hatchway.client.cron_answers import CronJob
from hatchway.vm.cron_job import Overlap

app = typer.Typer(
    help="Commands that are run in a VM at set times; the VM wakes for them.", no_args_is_help=True
)


@app.command(cls=RunsACommand)
def add(
    key: KeyArgument,
    schedule: Annotated[
        str,
        typer.Argument(
            metavar="SCHEDULE", help="Five fields in one argument, as in crontab(5), or @hourly and its like."
        ),
    ],
    command: CommandArgument,
    job_id: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="ID", help="Its id; the job that has it is replaced. By default one is made."
        ),
    ] = None,
    overlap: Annotated[
        Overlap,
        typer.Option(
            "--overlap",
            help="When it is time and it still runs: leave that time out, run it afterwards, or run it beside.",
        ),
    ] = "skip",
    time_zone: Annotated[
        str, typer.Option("--time-zone", metavar="NAME", help="Whose clocks it means, such as Europe/Berlin.")
    ] = "UTC",
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="Kill a run that takes longer.")
    ] = None,
    env: EnvOption = None,
    cwd: CwdOption = None,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Schedule a command, and print the job's id. It is run without a shell: sh -c gives it one."""
    variables = environment(env)

    async def schedule_it(agent: Agent) -> CronJob:
        return await agent.schedule_cron(
            schedule,
            command,
            id=job_id,
            overlap=overlap,
            time_zone=time_zone,
            timeout=timeout,
            env=variables,
            cwd=cwd,
        )

    job = with_agent(url, kind, key, schedule_it)
    if as_json:
        show_json(_json(job))
        return
    sys.stdout.write(job.id + "\n")
    if job.next_run_at is not None:
        say(f"next: {moment(job.next_run_at)}")


@app.command(
    "list",
    help=f"List the cron jobs of a VM, by id, with what came of their last runs. {HOW_LISTS_ARE_PRINTED}",
)
def show_all(
    key: KeyArgument,
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """List the cron jobs of a VM."""
    jobs = with_existing(url, kind, key, lambda agent: agent.list_cron_jobs())
    if as_json:
        show_json([_json(job) for job in jobs])
        return
    show_list(
        ("ID", "SCHEDULE", "NEXT", "LAST", "COMMAND"),
        [
            (
                job.id,
                job.schedule if job.time_zone == "UTC" else f"{job.schedule} {job.time_zone}",
                "-" if job.next_run_at is None else moment(job.next_run_at),
                _last(job),
                job.command if isinstance(job.command, str) else shlex.join(job.command),
            )
            for job in jobs
        ],
        nothing="this VM has no cron jobs",
    )


@app.command()
def remove(
    key: KeyArgument,
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id, as in the list.")],
    as_json: JsonOption = False,
    kind: KindOption = DEFAULT_KIND,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Run a job no more, and end what runs of it. One that is not there (any more) is no error."""
    cancelled = with_existing(url, kind, key, lambda agent: agent.cancel_cron_job(job_id))
    if as_json:
        show_json({"cancelled": cancelled})
    say("removed" if cancelled else "there was no job with this id")


def _last(job: CronJob) -> str:
    """What came of the last run, in a word."""
    run = job.last_run
    if run is None:
        return "-"
    if run.error is not None:
        return "failed"
    if run.ended_at is None:
        return "runs"
    if run.timed_out:
        return "timed out"
    return f"exit {run.exit_code}" if run.signal is None else f"signal {run.signal}"


def _json(job: CronJob) -> dict[str, Any]:
    run = job.last_run
    return {
        "id": job.id,
        "schedule": job.schedule,
        "time_zone": job.time_zone,
        "command": job.command,
        "overlap": job.overlap,
        "cwd": job.cwd,
        "timeout": job.timeout,
        "created_at": moment(job.created_at),
        "next_run_at": None if job.next_run_at is None else moment(job.next_run_at),
        "running": job.running,
        "queued": job.queued,
        "runs": job.runs,
        "skipped": job.skipped,
        "last_run": None
        if run is None
        else {
            "started_at": moment(run.started_at),
            "ended_at": None if run.ended_at is None else moment(run.ended_at),
            "exit_code": run.exit_code,
            "signal": run.signal,
            "timed_out": run.timed_out,
            "output": run.output,
            "error": run.error,
        },
    }
