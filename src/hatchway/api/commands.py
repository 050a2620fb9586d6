"""The validation of what is to be run in a VM, beyond what the schemas say. Pure."""

from __future__ import annotations

import base64
import binascii
import os

from hatchway.api import cron_schemas, shell_schemas
from hatchway.api import process_schemas as schemas
from hatchway.api.paths import validate_path
from hatchway.errors import InvalidRequest
from hatchway.vm.cron_job import CronJob, new_job_id
from hatchway.vm.records import ExecRequest, ShellRequest, SpawnRequest


def exec_request(body: schemas.Exec) -> ExecRequest:
    """The command to run.

    Raises:
        InvalidRequest: `invalid_command`, `invalid_environment`, `invalid_path` (of `cwd`), `invalid_stdin`.
    """
    words = [body.command] if isinstance(body.command, str) else body.command
    check_words(words)
    stdin = _stdin(body)
    if body.stdin_open and stdin is not None:
        raise InvalidRequest("invalid_stdin", "give the whole standard input, or `stdin_open`, not both")
    return ExecRequest(
        body.command,
        check_environment(body.env),
        working_directory(body.cwd),
        stdin,
        body.timeout,
        stdin_open=body.stdin_open,
    )


def spawn_request(body: schemas.Spawn) -> SpawnRequest:
    """The program to start.

    Raises:
        InvalidRequest: `invalid_command`, `invalid_environment`, `invalid_path` (of `cwd`), `invalid_stdin`.
    """
    check_words([body.command, *body.args])
    return SpawnRequest(
        body.command, body.args, check_environment(body.env), working_directory(body.cwd), _stdin(body)
    )


def shell_request(body: shell_schemas.OpenShell) -> ShellRequest:
    """The shell to open.

    Raises:
        InvalidRequest: `invalid_command`, `invalid_environment`, `invalid_path` (of `cwd`).
    """
    check_words(["sh" if body.command is None else body.command, *body.args])
    env, cwd = check_environment(body.env), working_directory(body.cwd)
    return ShellRequest(body.command, body.args, env, cwd, body.cols, body.rows)


def cron_job(body: cron_schemas.ScheduleCron) -> CronJob:
    """The cron job to schedule, with an id of its own if none is given.

    Raises:
        InvalidRequest: `invalid_command`, `invalid_environment`, `invalid_path` (of `cwd`), and what is wrong with its
            schedule.
    """
    check_words([body.command] if isinstance(body.command, str) else body.command)
    return CronJob(
        new_job_id() if body.id is None else body.id,
        body.schedule,
        body.command,
        body.time_zone,
        body.overlap,
        check_environment(body.env),
        working_directory(body.cwd),
        body.timeout,
    )


def signal_number(signal: object) -> int:
    """The number of a signal given by number or by name, with or without SIG.

    Raises:
        InvalidRequest: `invalid_signal`.
    """
    if isinstance(signal, int) and not isinstance(signal, bool) and 1 <= signal <= schemas.HIGHEST_SIGNAL:
        return signal
    if isinstance(signal, str):
        number = schemas.SIGNALS.get(signal.upper().removeprefix("SIG"))
        if number is not None:
            return number
    raise InvalidRequest(
        "invalid_signal",
        f"a signal must be a name such as SIGHUP, or a number between 1 and {schemas.HIGHEST_SIGNAL}",
        "signal(7) lists them",
    )


def check_words(words: list[str]) -> None:
    """Refuse what can be no program and arguments: `InvalidRequest` `invalid_command`."""
    if not words or not words[0]:
        raise InvalidRequest("invalid_command", "a command must not be empty")
    if any("\0" in word for word in words):
        raise InvalidRequest("invalid_command", "a command and its arguments must not contain NUL")


def check_environment(env: dict[str, str]) -> dict[str, str]:
    """The environment, or `InvalidRequest` `invalid_environment`."""
    # The messages name no variable and no value: both may be secrets.
    for name, value in env.items():
        if not name or "=" in name or "\0" in name:
            raise InvalidRequest(
                "invalid_environment",
                "the name of an environment variable must not be empty or contain `=` or NUL",
            )
        if "\0" in value:
            raise InvalidRequest("invalid_environment", "an environment variable must not contain NUL")
    return env


def working_directory(cwd: str | None) -> str | None:
    """The working directory, or `InvalidRequest` `invalid_path`."""
    return None if cwd is None else os.fsdecode(validate_path(cwd.encode()))


def _stdin(body: schemas.Exec | schemas.Spawn) -> bytes | None:
    if body.stdin_base64 is None:
        return None if body.stdin is None else body.stdin.encode()
    if body.stdin is not None:
        raise InvalidRequest("invalid_stdin", "give `stdin` or `stdin_base64`, not both")
    try:
        return base64.b64decode(body.stdin_base64, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            "invalid_stdin", "`stdin_base64` is not valid base64 (RFC 4648 section 4)"
        ) from None
