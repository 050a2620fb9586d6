"""Whether a request waits for a port that nothing listens on yet, and what it is told otherwise. Pure.

A service needs a moment from its start until it listens, and the request is often there first. So what counts is
whether the VM, or any process in it, started within the window before the request arrived, by whatever means: spawned,
by a command of `exec`, or by another process in the VM. The first row that applies decides:

| in the VM | the request |
|---|---|
| a declared service of that port is starting, or about to be started again | waits |
| a process runs that started within the window | waits |
| the program spawned last has ended | is told its end at once, whatever older processes run |
| nothing was spawned, and the VM booted within the window | waits: what is to listen may be about to be started |
| else | is refused at once |

The window is as long as a request may wait, and both count from the request's arrival: waiting never lasts longer, nor
for a process that has had the time already. Who waits is told the end of the program spawned last as soon as the second
row applies; otherwise it waits on when nothing runs for a moment, since one command may be about to follow another.
"""

from __future__ import annotations

import enum
import shlex
import signal
from dataclasses import dataclass

from hatchway.errors import Unavailable
from hatchway.printable import printable
from hatchway.vm.records import Exit

RETRY_SECONDS = 2
"""When to try again a port that something in the VM may yet listen on."""

_MAX_COMMAND_CHARACTERS = 200


class Decision(enum.Enum):
    """What becomes of a request for a port that nothing listens on."""

    WAIT = enum.auto()
    EXITED = enum.auto()
    """It is told that the program spawned last has ended."""
    CLOSED = enum.auto()


@dataclass(frozen=True, slots=True)
class Facts:
    """What runs in a VM. Times are seconds of the event loop's clock."""

    booted: float
    youngest: float | None
    """When the youngest process that runs began; None: none runs but PID 1."""
    last_spawned_ended: bool
    """Whether the program spawned last has ended; False if none was spawned."""
    spawned: bool
    """Whether any was spawned."""
    expected: bool = False
    """Whether the port's declared service is not ready yet and has not been given up."""


def decide(facts: Facts, since: float) -> Decision:
    """What becomes of a request whose window begins at `since`."""
    if facts.expected or (facts.youngest is not None and facts.youngest >= since):
        return Decision.WAIT
    if facts.last_spawned_ended:
        return Decision.EXITED
    if not facts.spawned and facts.booted >= since:
        return Decision.WAIT
    return Decision.CLOSED


def port_closed(port: int, waited: float = 0.0, *, may_yet_listen: bool = False) -> Unavailable:
    """The error for a port that nothing listens on.

    Args:
        port: the port.
        waited: how many seconds the request was held.
        may_yet_listen: something runs that could begin to listen there.
    """
    held = f", and nothing began to within {round(waited, 1):g} s" if round(waited, 1) else ""
    return Unavailable(
        "port_closed",
        f"nothing listens on port {port} in this VM{held}",
        f"start a service there that listens on port {port} of localhost or 0.0.0.0, then try again",
        status=502,
        retry_after=RETRY_SECONDS if may_yet_listen else None,
    )


def process_exited(port: int, pid: int, command: list[str], end: Exit, stderr: str) -> Unavailable:
    """The error for a port that nothing listens on since the program started last has ended.

    Args:
        port: the port.
        pid: the program's, inside the VM.
        command: the program and its arguments.
        end: how it ended.
        stderr: the last lines it wrote, printable.
    """
    shown = printable(shlex.join(command).encode(errors="surrogateescape").decode(errors="replace"))
    shown = shown.replace("\n", " ")
    if len(shown) > _MAX_COMMAND_CHARACTERS:
        shown = shown[: _MAX_COMMAND_CHARACTERS - 1] + "…"
    return Unavailable(
        "process_exited",
        f"nothing listens on port {port}, and the program started last in this VM {_ended(end)}",
        "look at its output, fix it and start it again",
        status=502,
        details={
            "pid": pid,
            "command": shown,
            "exit_code": end.exit_code,
            "signal": end.signal,
            "stderr": stderr,
        },
    )


def _ended(end: Exit) -> str:
    if end.signal is None:
        return f"exited with code {end.exit_code}"
    try:
        return f"was ended by signal {end.signal} ({signal.Signals(end.signal).name})"
    except ValueError:  # one of the real-time signals, which have no names
        return f"was ended by signal {end.signal}"
