"""The bodies of requests and answers about processes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from signal import Signals
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from hatchway.api.schemas import (
    BASE64,
    Answer,
    Body,
    Environment,
    Program,
    Text,
    Words,
    WorkingDirectory,
    timestamp,
)
from hatchway.vm import records
from hatchway.vm.records import ProcessInfo, ProcessState, StreamName, SystemProcessState

HIGHEST_SIGNAL = 64
"""Linux's SIGRTMAX on all but MIPS (signal(7))."""

SIGNALS = {name.removeprefix("SIG"): int(number) for name, number in Signals.__members__.items()}
"""Numbers by name."""

MAX_TIMEOUT_SECONDS = 604_800
"""The longest time-out of a command: a week."""


class Exec(Body):
    """A command to run to its end."""

    command: Annotated[
        Program | Words,
        Meta(
            description="Text is run by /bin/sh -c; a list is a program and its arguments, without a shell."
        ),
    ]
    env: Environment = field(default_factory=dict)
    cwd: WorkingDirectory = None
    stdin: Annotated[str | None, Meta(description="The whole standard input, as text.")] = None
    stdin_base64: Annotated[
        Annotated[str, Meta(extra_json_schema={"pattern": BASE64})] | None,
        Meta(description="The whole standard input, as base64."),
    ] = None
    timeout: Annotated[
        Annotated[float, Meta(gt=0, le=MAX_TIMEOUT_SECONDS)] | None,
        Meta(description="Seconds after which it is killed; null: never."),
    ] = None
    stdin_open: Annotated[
        bool,
        Meta(
            description="Leave standard input open, to be written to while it runs, as a spawned process's is. Needs"
            " the answer as lines, and the first of them says the pid."
        ),
    ] = False


class ExecResult(Answer, frozen=True):
    """What a command left. Output is text in which invalid UTF-8 is replaced by U+FFFD."""

    exit_code: Annotated[int | None, Meta(description="Null when a signal ended it.")]
    signal: int | None
    timed_out: bool
    stdout: str
    stderr: str
    truncated: Annotated[bool, Meta(description="Whether output beyond the limit was dropped.")]


class StartedLine(Answer, frozen=True):
    """A command has begun whose standard input is open: the first line."""

    pid: int


class OutputLine(Answer, frozen=True):
    """A piece of output; pieces end anywhere, also inside a character."""

    stream: StreamName
    data: Annotated[bytes, Meta(description="Base64.")]


class ExitLine(Answer, frozen=True):
    """The end of the command: the last line."""

    exit_code: int | None
    signal: int | None
    timed_out: bool


class Spawn(Body):
    """A program to start and leave running."""

    command: Annotated[Program, Meta(description="The program, by path or by name in the VM's PATH.")]
    args: list[Text] = field(default_factory=list)
    env: Environment = field(default_factory=dict)
    cwd: WorkingDirectory = None
    stdin: Annotated[
        str | None,
        Meta(
            description="The whole standard input, as text. If neither it nor `stdin_base64` is given, standard input"
            " stays open, to be written to."
        ),
    ] = None
    stdin_base64: Annotated[
        Annotated[str, Meta(extra_json_schema={"pattern": BASE64})] | None,
        Meta(description="The whole standard input, as base64."),
    ] = None


class Spawned(Answer, frozen=True):
    """A program was started."""

    pid: int


class OutputCounts(Answer, frozen=True):
    """How much a process has written, stdout and stderr together."""

    bytes: Annotated[int, Meta(description="All of it: the offset that the next byte will have.")]
    kept_from: Annotated[int, Meta(description="The offset of the first byte that is kept.")]
    dropped_bytes: Annotated[int, Meta(description="How many before it were dropped.")]


class Process(Answer, frozen=True):
    """One spawned process."""

    pid: int
    command: list[str]
    state: ProcessState
    exit_code: Annotated[int | None, Meta(description="Null while it runs, and when a signal ended it.")]
    signal: int | None
    started_at: datetime
    output: OutputCounts

    @classmethod
    def of(cls, info: ProcessInfo) -> Process:
        """The answer for a record."""
        return cls(
            info.pid,
            info.command,
            info.state,
            info.exit_code,
            info.signal,
            timestamp(info.started_at),
            OutputCounts(info.output.bytes, info.output.kept_from, info.output.kept_from),
        )


class Processes(Answer, frozen=True):
    """The spawned processes of a VM."""

    processes: list[Process]


class SystemProcess(Answer, frozen=True):
    """Any process of a VM."""

    pid: int
    ppid: Annotated[int, Meta(description="Its parent's; 0 for PID 1, the VM's own.")]
    command: Annotated[
        list[str],
        Meta(
            description="The program and its arguments, at most 4,096 bytes of them; its name alone if it has none."
            " All are its own words. Bytes that are no UTF-8 are replaced by U+FFFD."
        ),
    ]
    state: SystemProcessState
    started_at: datetime
    memory_bytes: Annotated[int, Meta(description="Its resident set.")]
    spawned: Annotated[bool, Meta(description="Whether it was spawned by this API.")]
    command_base64: (
        Annotated[list[bytes], Meta(description="The command in base64, only where it is no UTF-8.")]
        | UnsetType
    ) = UNSET

    @classmethod
    def of(cls, process: records.SystemProcess) -> SystemProcess:
        """The answer for a record."""
        texts, exact = told_words(process.command)
        return cls(
            process.pid,
            process.ppid,
            texts,
            process.state,
            timestamp(process.started_at),
            process.memory_bytes,
            process.spawned,
            exact,
        )


def told_words(command: Sequence[bytes]) -> tuple[list[str], list[bytes] | UnsetType]:
    """A command of a guest as text, and as it is where that is not the same."""
    texts = [word.decode(errors="replace") for word in command]
    return texts, UNSET if all(map(_is_utf8, command)) else list(command)


def _is_utf8(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return True


class SystemProcesses(Answer, frozen=True):
    """Every process of a VM, in the order of their pids."""

    processes: list[SystemProcess]


class StdinWritten(Answer, frozen=True):
    """The process's standard input has taken it all."""

    written: Annotated[int, Meta(description="Bytes.")]


class KeptOutputLine(Answer, frozen=True):
    """A piece of a spawned process's output; pieces end anywhere, also inside a character."""

    stream: StreamName
    offset: Annotated[int, Meta(description="Of its first byte, among those of both streams.")]
    data: Annotated[bytes, Meta(description="Base64.")]


class DroppedOutputLine(Answer, frozen=True):
    """Output that is kept no more."""

    dropped_bytes: int
    offset: Annotated[int, Meta(description="Of the first byte behind it.")]


class OutputEndLine(Answer, frozen=True):
    """Where the output ends: the last line."""

    next_offset: Annotated[int, Meta(description="Where to read on.")]
    state: Annotated[
        ProcessState, Meta(description="`exited` once all that it wrote is in front of `next_offset`.")
    ]
    exit_code: int | None
    signal: int | None


class Signal(Body):
    """A signal to send."""

    signal: Annotated[
        Any,
        Meta(
            description="A name, with or without SIG, or a number.",
            extra_json_schema={
                "anyOf": [
                    {"type": "string", "pattern": f"^(SIG)?({'|'.join(SIGNALS)})$"},
                    {"type": "integer", "minimum": 1, "maximum": HIGHEST_SIGNAL},
                ]
            },
        ),
    ]
