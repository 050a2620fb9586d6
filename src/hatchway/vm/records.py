"""What is said about VMs, processes and previews: plain frozen values that cross package boundaries. Pure.

The VM manager makes them, the control API prints them, the client reads them back. A repr never shows a
token, a standard input or an environment: all three may hold secrets.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from hatchway.preview.grant import CorsMode
from hatchway.vm.states import VmState

ProcessState = Literal["running", "exited"]
SystemProcessState = Literal[
    "running", "sleeping", "disk_sleep", "stopped", "tracing_stop", "zombie", "dead", "idle", "unknown"
]
"""The letters of proc_pid_stat(5) in words."""
StreamName = Literal["stdout", "stderr"]
FileKind = Literal["file", "directory", "symlink", "other"]
"""`other`: a device, socket or pipe."""


@dataclass(frozen=True, slots=True)
class VmInfo:
    """One VM."""

    id: str
    """20 characters of `[a-z0-9]`, given by the server."""
    name: str
    """The kind of VM, as named in `setup(use={name: …})`."""
    key: tuple[str, ...]
    """The key it is found by, as its parts."""
    state: VmState
    """One that is paused or asleep wakes by itself with its next use."""
    created_at: float
    """Seconds since the epoch."""
    pause_after: float | None = None
    """After how many seconds without use it is paused; None: never."""
    sleep_after: float | None = None
    """After how many seconds without use it is put to sleep; None: never."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What there is to say of a file, folder or link (stat(2))."""

    kind: FileKind
    size: int
    mode: int
    """Permission bits."""
    uid: int
    gid: int
    """Its owner, as the VM's own processes see it."""
    modified_at: float
    """Seconds since the epoch."""
    target: bytes | None = None
    """What a link leads to. None for anything else, and for the kernel's own links in /proc."""


class FileEntry(NamedTuple):
    """Something in a folder that is listed."""

    path: bytes
    """Relative to that folder."""
    kind: FileKind
    size: int
    """Bytes, as lstat(2) says it."""


@dataclass(frozen=True, slots=True)
class ListingEnd:
    """The end of a list: always the last thing told."""

    entries: int
    unreadable: int
    """How many folders could not be read."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What an archive brought."""

    entries: int
    """Files, folders and links."""
    size: int
    """Bytes of content."""
    skipped: int
    """Devices and pipes, which were left out."""


@dataclass(frozen=True, slots=True)
class OutputInfo:
    """How much a spawned process has written, stdout and stderr together."""

    bytes: int
    """All of it: the offset that the next byte will have."""
    kept_from: int
    """The offset of the first byte that is kept; those before it were dropped."""


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One process that was spawned in a VM."""

    pid: int
    """As the VM's own process tree numbers it."""
    command: list[str]
    """The program and its arguments."""
    state: ProcessState
    exit_code: int | None
    """None while it runs, and when a signal ended it."""
    signal: int | None
    """The number of the signal that ended it, else None."""
    started_at: float
    """Seconds since the epoch."""
    output: OutputInfo


@dataclass(frozen=True, slots=True)
class SystemProcess:
    """Any process of a VM, as the VM's /proc tells of it."""

    pid: int
    ppid: int
    """Its parent's; 0 for PID 1."""
    command: tuple[bytes, ...]
    """The program and its arguments, as far as they are told; its name alone if it has none. All are the process's own
    words."""
    state: SystemProcessState
    started_at: float
    """Seconds since the epoch."""
    memory_bytes: int
    """Its resident set."""
    spawned: bool
    """Whether it was spawned through the API, rather than by another process."""


@dataclass(frozen=True, slots=True)
class ListeningPort:
    """A TCP port that is listened on in a VM."""

    port: int
    address: str
    """Such as 127.0.0.1, 0.0.0.0 or ::."""
    family: Literal["ipv4", "ipv6"]
    pid: int | None
    """Inside the VM, of the process that listens; None: it cannot be seen, such as one of another user."""
    command: tuple[bytes, ...]
    """That process's program and arguments, as far as they are told; its own words."""


@dataclass(frozen=True, slots=True)
class ExecRequest:
    """Run a command and collect its output."""

    command: str | list[str]
    """A string is run by `/bin/sh -c`; a list is a program and its arguments, run without a shell."""
    env: dict[str, str] = field(default_factory=dict, repr=False)
    """Added to the VM's own environment."""
    cwd: str | None = None
    """The working directory; None: /home/user."""
    stdin: bytes | None = field(default=None, repr=False)
    """The whole standard input; None: empty."""
    timeout: float | None = None
    """Seconds after which the command is killed; None: never."""
    stdin_open: bool = False
    """Whether the standard input stays open, to be written to while it runs; then its first event is `Started`."""


@dataclass(frozen=True, slots=True)
class SpawnRequest:
    """Start a program and let it run."""

    command: str
    args: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict, repr=False)
    """Added to the VM's own environment."""
    cwd: str | None = None
    """The working directory; None: /home/user."""
    stdin: bytes | None = field(default=None, repr=False)
    """The whole standard input; None: it stays open, to be written to."""


@dataclass(frozen=True, slots=True)
class Started:
    """A command has begun whose standard input is open."""

    pid: int
    """To write to it by."""


@dataclass(frozen=True, slots=True)
class Output:
    """A piece of what a running command wrote. Pieces end anywhere, also inside a character."""

    stream: StreamName
    data: bytes


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a command: always the last event."""

    exit_code: int | None
    """None when a signal ended it."""
    signal: int | None
    """The number of the signal that ended it, else None."""
    timed_out: bool = False
    """Whether it was killed because its time was up."""

    @classmethod
    def of(cls, status: int) -> Exit:
        """How a process with this wait status (wait(2)) has ended."""
        if os.WIFSIGNALED(status):
            return cls(exit_code=None, signal=os.WTERMSIG(status))
        return cls(exit_code=os.WEXITSTATUS(status), signal=None)


ProcessEvent = Started | Output | Exit


@dataclass(frozen=True, slots=True)
class KeptOutput:
    """A piece of what a spawned process wrote. Pieces end anywhere, also inside a character."""

    stream: StreamName
    offset: int
    """Of its first byte, among those of both streams."""
    data: bytes

    @property
    def next_offset(self) -> int:
        """Of the first byte behind it."""
        return self.offset + len(self.data)


@dataclass(frozen=True, slots=True)
class DroppedOutput:
    """Here is output missing, which is kept no more."""

    dropped_bytes: int
    offset: int
    """Of the first byte behind it."""

    @property
    def next_offset(self) -> int:
        """The same."""
        return self.offset


@dataclass(frozen=True, slots=True)
class OutputEnd:
    """The end of what could be read: always the last event."""

    next_offset: int
    """Where to read on."""
    state: ProcessState
    exit_code: int | None
    signal: int | None


OutputEvent = KeptOutput | DroppedOutput | OutputEnd


@dataclass(frozen=True, slots=True)
class MintedPreview:
    """A new preview. The only place where its token is ever given out."""

    id: str
    """What it is called where its token must not be: 20 hexadecimal digits."""
    token: str = field(repr=False)
    path: str = field(repr=False)
    """The path-mode address, relative to the server: `/request/fetch/{token}`."""
    port: int
    expires_at: float
    """Seconds since the epoch."""
    url: str = field(repr=False)
    """The host-mode address, which has an origin of its own."""
    forward_host: bool = False
    """Whether the service is told its public host, which in host mode holds the token."""
    cors: CorsMode = "open"
    """Who answers for CORS: the gateway, or the service itself."""
    label: str = ""
    """What somebody wrote on it to know it again."""
    wake: bool = True
    """Whether visitors wake the VM if it is paused or asleep."""


@dataclass(frozen=True, slots=True)
class PreviewInfo:
    """A live preview as it is listed: without its token, which is kept nowhere."""

    id: str
    """What it is called where its token must not be: 20 hexadecimal digits."""
    port: int
    created_at: float
    """Seconds since the epoch."""
    expires_at: float
    """Seconds since the epoch."""
    forward_host: bool
    """Whether the service is told its public host, which in host mode holds the token."""
    cors: CorsMode
    """Who answers for CORS: the gateway, or the service itself."""
    label: str
    """What somebody wrote on it to know it again."""
    wake: bool = True
    """Whether visitors wake the VM if it is paused or asleep."""


@dataclass(frozen=True, slots=True)
class ShellRequest:
    """A shell to open."""

    command: str | None
    """The program; None: the VM's own shell."""
    args: list[str] = field(repr=False)
    env: dict[str, str] = field(repr=False)
    cwd: str | None
    cols: int
    rows: int


@dataclass(frozen=True, slots=True)
class ShellInfo:
    """A shell that was opened in a VM."""

    id: str
    command: list[str]
    pid: int
    """Inside the VM."""
    state: ProcessState
    exit_code: int | None
    """None while it runs, and when a signal ended it."""
    signal: int | None
    cols: int
    rows: int
    started_at: float
    """Seconds since the epoch."""
