"""What calls about processes return: plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

StreamName = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class OutputChunk:
    """A piece of what a process has written, or word of what is kept no more."""

    offset: int
    """Of its first byte, among those of both streams; for what was dropped, of the first byte behind it."""
    stream: StreamName | None
    """Where it was written to; None for what was dropped."""
    data: bytes = field(repr=False)
    """Pieces end anywhere, also inside a character."""
    dropped_bytes: int = 0
    """How many bytes were dropped here; then there is no data."""

    @property
    def text(self) -> str:
        """The data as UTF-8; what is no UTF-8 is replaced by U+FFFD."""
        return self.data.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class ProcessOutput:
    """What a spawned process has written so far, as far as it is kept."""

    chunks: tuple[OutputChunk, ...] = field(repr=False)
    next_offset: int
    """Where to read on."""
    state: Literal["running", "exited"]
    """`exited` once all that it wrote is in front of `next_offset`."""

    @property
    def stdout(self) -> str:
        """Standard output as UTF-8; what is no UTF-8 is replaced by U+FFFD."""
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        """Standard error as UTF-8; what is no UTF-8 is replaced by U+FFFD."""
        return self._text("stderr")

    @property
    def dropped_bytes(self) -> int:
        """How many bytes are kept no more."""
        return sum(chunk.dropped_bytes for chunk in self.chunks)

    def _text(self, stream: StreamName) -> str:
        pieces = [chunk.data for chunk in self.chunks if chunk.stream == stream]
        return b"".join(pieces).decode(errors="replace")


@dataclass(frozen=True, slots=True)
class OutputCounts:
    """How much a process has written, stdout and stderr together."""

    bytes: int
    """All of it: the offset that the next byte will have."""
    kept_from: int
    """The offset of the first byte that is kept."""
    dropped_bytes: int
    """How many before it were dropped."""


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A program that was spawned in the VM, running or not."""

    pid: int
    """As the VM's own process tree numbers it."""
    command: tuple[str, ...]
    """The program and its arguments."""
    state: Literal["running", "exited"]
    exit_code: int | None
    """None while it runs, and when a signal ended it."""
    signal: int | None
    """The number of the signal that ended it, else None."""
    started_at: datetime
    """Aware, in UTC."""
    output: OutputCounts


SystemProcessState = Literal[
    "running", "sleeping", "disk_sleep", "stopped", "tracing_stop", "zombie", "dead", "idle", "unknown"
]
"""The letters of proc_pid_stat(5) in words."""


@dataclass(frozen=True, slots=True)
class SystemProcess:
    """Any process of a VM, whoever started it."""

    pid: int
    ppid: int
    """Its parent's pid; 0 for PID 1, the VM's own."""
    command: tuple[str, ...]
    """Its own words; its name alone if it has none. Bytes that are no UTF-8 are surrogates (PEP 383)."""
    state: SystemProcessState
    started_at: datetime
    """Aware, in UTC."""
    memory_bytes: int
    """Its resident set."""
    spawned: bool
    """Whether it was spawned by the API."""


@dataclass(frozen=True, slots=True)
class ProcessNode:
    """A process and those that it has started."""

    process: SystemProcess
    children: tuple[ProcessNode, ...] = field(default=(), repr=False)
    """In the order of their pids. Not in the repr: a VM's processes may be nested deeper than Python's stack."""
