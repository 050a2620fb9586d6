"""The bodies of the control API's answers, as far as the client reads them; unknown fields are ignored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from hatchway.client import answers
from hatchway.preview.grant import CorsMode


class Vm(msgspec.Struct):
    """The answer to `POST /api/vms`."""

    id: str


class Exists(msgspec.Struct):
    """The answer to `GET …/files/exists`."""

    exists: bool


class Spawned(msgspec.Struct):
    """The answer to `POST …/processes`."""

    pid: int


class Process(msgspec.Struct):
    """One entry of `GET …/processes`, and the answer to `GET …/processes/{pid}/wait`."""

    pid: int
    command: tuple[str, ...]
    state: Literal["running", "exited"]
    exit_code: int | None
    signal: int | None
    started_at: datetime

    def public(self) -> answers.ProcessInfo:
        """The same as the client's users see it."""
        return answers.ProcessInfo(
            pid=self.pid,
            command=self.command,
            state=self.state,
            exit_code=self.exit_code,
            signal=self.signal,
            started_at=self.started_at.astimezone(UTC),
        )


class Processes(msgspec.Struct):
    """The answer to `GET …/processes`."""

    processes: list[Process]


class Preview(msgspec.Struct):
    """The answer to `POST …/previews`."""

    token: str
    path: str
    port: int
    expires_at: datetime
    url: str
    forward_host: bool = False
    cors: CorsMode = "open"

    def public(self) -> answers.Preview:
        """The same as the client's users see it."""
        return answers.Preview(
            path=self.path,
            token=self.token,
            port=self.port,
            expires_at=self.expires_at.astimezone(UTC),
            url=self.url,
            forward_host=self.forward_host,
            cors=self.cors,
        )


class Expired(msgspec.Struct):
    """The answer to `POST …/previews/expire`."""

    expired: bool


def shell_exit_code(exit_code: int | None, signal: int | None) -> int:
    """The exit code as shells say it: 128 plus the signal's number for what a signal ended."""
    if signal is not None:
        return 128 + signal
    return 0 if exit_code is None else exit_code
