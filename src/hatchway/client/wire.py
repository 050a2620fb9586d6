"""The bodies of the control API's answers, as far as the client reads them; unknown fields are ignored."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Literal

import msgspec

from hatchway.client import (
    answers,
    cron_answers,
    event_answers,
    file_answers,
    port_answers,
    process_answers,
    service_answers,
)
from hatchway.preview.grant import CorsMode
from hatchway.vm.cron_job import Overlap
from hatchway.vm.service_spec import ServiceState
from hatchway.vm.states import VmState


class Vm(msgspec.Struct):
    """The answer to `POST /api/vms`."""

    id: str


class VmInfo(msgspec.Struct):
    """The answer to `GET /api/vms/{vm_id}`, and one entry of `GET /api/vms`."""

    id: str
    name: str
    key: tuple[str, ...]
    state: VmState
    created_at: datetime
    pause_after: float | None = None
    sleep_after: float | None = None

    def public(self) -> answers.VmInfo:
        """The same as the client's users see it."""
        return answers.VmInfo(
            id=self.id,
            kind=self.name,
            key=self.key,
            state=self.state,
            created_at=self.created_at.astimezone(UTC),
            pause_after=self.pause_after,
            sleep_after=self.sleep_after,
        )


class Vms(msgspec.Struct):
    """The answer to `GET /api/vms`."""

    vms: list[VmInfo]


class Exists(msgspec.Struct):
    """The answer to `GET …/files/exists`."""

    exists: bool


class FileStat(msgspec.Struct):
    """The answer to `GET …/files/stat`."""

    type: file_answers.FileType
    size: int
    mode: int
    uid: int
    gid: int
    modified_at: datetime
    target: str | None = None
    target_base64: bytes | None = None

    def public(self) -> file_answers.FileStat:
        """The same as the client's users see it."""
        target = self.target if self.target_base64 is None else os.fsdecode(self.target_base64)
        return file_answers.FileStat(
            type=self.type,
            size=self.size,
            mode=self.mode,
            uid=self.uid,
            gid=self.gid,
            modified_at=self.modified_at.astimezone(UTC),
            target=target,
        )


class Spawned(msgspec.Struct):
    """The answer to `POST …/processes`."""

    pid: int


class OutputCounts(msgspec.Struct):
    """How much a process has written."""

    bytes: int
    kept_from: int
    dropped_bytes: int


class Process(msgspec.Struct):
    """One entry of `GET …/processes`, and the answer to `GET …/processes/{pid}` and `…/wait`."""

    pid: int
    command: tuple[str, ...]
    state: Literal["running", "exited"]
    exit_code: int | None
    signal: int | None
    started_at: datetime
    output: OutputCounts

    def public(self) -> process_answers.ProcessInfo:
        """The same as the client's users see it."""
        return process_answers.ProcessInfo(
            pid=self.pid,
            command=self.command,
            state=self.state,
            exit_code=self.exit_code,
            signal=self.signal,
            started_at=self.started_at.astimezone(UTC),
            output=process_answers.OutputCounts(
                self.output.bytes, self.output.kept_from, self.output.dropped_bytes
            ),
        )


class SystemProcess(msgspec.Struct):
    """One entry of `GET …/processes/all`."""

    pid: int
    ppid: int
    command: tuple[str, ...]
    state: process_answers.SystemProcessState
    started_at: datetime
    memory_bytes: int
    spawned: bool
    command_base64: tuple[bytes, ...] | None = None

    def public(self) -> process_answers.SystemProcess:
        """The same as the client's users see it."""
        words = self.command if self.command_base64 is None else map(os.fsdecode, self.command_base64)
        return process_answers.SystemProcess(
            pid=self.pid,
            ppid=self.ppid,
            command=tuple(words),
            state=self.state,
            started_at=self.started_at.astimezone(UTC),
            memory_bytes=self.memory_bytes,
            spawned=self.spawned,
        )


class SystemProcesses(msgspec.Struct):
    """The answer to `GET …/processes/all`."""

    processes: list[SystemProcess]


class Processes(msgspec.Struct):
    """The answer to `GET …/processes`."""

    processes: list[Process]


class Preview(msgspec.Struct):
    """The answer to `POST …/previews`."""

    id: str
    token: str
    path: str
    port: int
    expires_at: datetime
    url: str
    forward_host: bool = False
    cors: CorsMode = "open"
    label: str = ""
    wake: bool = True

    def public(self) -> answers.Preview:
        """The same as the client's users see it."""
        return answers.Preview(
            id=self.id,
            path=self.path,
            token=self.token,
            port=self.port,
            expires_at=self.expires_at.astimezone(UTC),
            url=self.url,
            forward_host=self.forward_host,
            cors=self.cors,
            label=self.label,
            wake=self.wake,
        )


class PreviewInfo(msgspec.Struct):
    """One entry of `GET …/previews`, and the answer to `POST …/previews/{preview_id}/renew`."""

    id: str
    port: int
    created_at: datetime
    expires_at: datetime
    forward_host: bool
    cors: CorsMode
    label: str
    wake: bool = True

    def public(self) -> answers.PreviewInfo:
        """The same as the client's users see it."""
        return answers.PreviewInfo(
            id=self.id,
            port=self.port,
            created_at=self.created_at.astimezone(UTC),
            expires_at=self.expires_at.astimezone(UTC),
            forward_host=self.forward_host,
            cors=self.cors,
            label=self.label,
            wake=self.wake,
        )


class Previews(msgspec.Struct):
    """The answer to `GET …/previews`."""

    previews: list[PreviewInfo]


class Service(msgspec.Struct):
    """The answer to `PUT …/services/{service}`, and one entry of `GET …/services`."""

    name: str
    command: tuple[str, ...]
    cwd: str | None
    port: int | None
    ready: str | None
    state: ServiceState
    pid: int | None
    restarts: int
    exit_code: int | None
    signal: int | None
    last_words: str

    def public(self) -> service_answers.ServiceInfo:
        """The same as the client's users see it."""
        return service_answers.ServiceInfo(**msgspec.structs.asdict(self))


class Port(msgspec.Struct):
    """One entry of `GET …/ports`."""

    port: int
    address: str
    family: Literal["ipv4", "ipv6"]
    pid: int | None
    command: tuple[str, ...]
    command_base64: tuple[bytes, ...] | None = None

    def public(self) -> port_answers.PortInfo:
        """The same as the client's users see it."""
        words = self.command if self.command_base64 is None else map(os.fsdecode, self.command_base64)
        return port_answers.PortInfo(self.port, self.address, self.family, self.pid, tuple(words))


class Ports(msgspec.Struct):
    """The answer to `GET …/ports`."""

    ports: list[Port]


class ServiceList(msgspec.Struct):
    """The answer to `GET …/services`."""

    services: list[Service]


class Removed(msgspec.Struct):
    """The answer to `DELETE …/services/{service}`."""

    removed: bool


class CronRun(msgspec.Struct):
    """One run in an answer about cron jobs."""

    started_at: datetime
    ended_at: datetime | None
    exit_code: int | None
    signal: int | None
    timed_out: bool
    output: str
    error: str | None

    def public(self) -> cron_answers.CronRun:
        """The same as the client's users see it."""
        return cron_answers.CronRun(
            self.started_at.astimezone(UTC),
            None if self.ended_at is None else self.ended_at.astimezone(UTC),
            self.exit_code,
            self.signal,
            self.timed_out,
            self.output,
            self.error,
        )


class CronJob(msgspec.Struct):
    """The answer to `POST …/cron`, and one entry of `GET …/cron`."""

    id: str
    schedule: str
    time_zone: str
    command: str | tuple[str, ...]
    overlap: Overlap
    cwd: str | None
    timeout: float | None
    created_at: datetime
    next_run_at: datetime | None
    running: int
    queued: int
    runs: int
    skipped: int
    last_run: CronRun | None

    def public(self) -> cron_answers.CronJob:
        """The same as the client's users see it."""
        return cron_answers.CronJob(
            id=self.id,
            schedule=self.schedule,
            time_zone=self.time_zone,
            command=self.command,
            overlap=self.overlap,
            cwd=self.cwd,
            timeout=self.timeout,
            created_at=self.created_at.astimezone(UTC),
            next_run_at=None if self.next_run_at is None else self.next_run_at.astimezone(UTC),
            running=self.running,
            queued=self.queued,
            runs=self.runs,
            skipped=self.skipped,
            last_run=None if self.last_run is None else self.last_run.public(),
        )


class CronJobs(msgspec.Struct):
    """The answer to `GET …/cron`."""

    jobs: list[CronJob]


class Cancelled(msgspec.Struct):
    """The answer to `DELETE …/cron/{job_id}`."""

    cancelled: bool


class Expired(msgspec.Struct):
    """The answer to `POST …/previews/expire` and `POST …/previews/{preview_id}/expire`."""

    expired: bool


class AllExpired(msgspec.Struct):
    """The answer to `POST …/previews/expire-all`."""

    expired: int


class OpenedShell(msgspec.Struct):
    """The answer to `POST …/shells`."""

    shell_id: str


class Shell(msgspec.Struct):
    """One entry of `GET …/shells`."""

    shell_id: str
    command: tuple[str, ...]
    pid: int
    state: Literal["running", "exited"]
    exit_code: int | None
    signal: int | None
    cols: int
    rows: int
    started_at: datetime

    def public(self) -> event_answers.ShellInfo:
        """The same as the client's users see it."""
        return event_answers.ShellInfo(
            shell_id=self.shell_id,
            command=self.command,
            pid=self.pid,
            state=self.state,
            exit_code=self.exit_code,
            signal=self.signal,
            cols=self.cols,
            rows=self.rows,
            started_at=self.started_at.astimezone(UTC),
        )


class Shells(msgspec.Struct):
    """The answer to `GET …/shells`."""

    shells: list[Shell]


def shell_exit_code(exit_code: int | None, signal: int | None) -> int:
    """The exit code as shells say it: 128 plus the signal's number for what a signal ended."""
    if signal is not None:
        return 128 + signal
    return 0 if exit_code is None else exit_code
