"""Every process of a VM, as its guest init reads them in /proc. What it says is checked: it lives among them."""

from __future__ import annotations

import time
from collections.abc import Callable

from hatchway.errors import Unavailable
from hatchway.vm.guest_errors import general_error
from hatchway.vm.records import SystemProcess, SystemProcessState
from hatchway.vm.sandbox.channel import Channel, GuestProcess, GuestRefusal
from hatchway.vm.sandbox.guest_processes import MAX_ARGUMENT_BYTES, MAX_NAME_BYTES

MAX_PID = 2**22
"""The kernel's PID_MAX_LIMIT on 64-bit machines."""

MAX_PROCESSES = 2**15
"""How many are told of at most; far above what a VM's limit allows."""

_STATES: dict[str, SystemProcessState] = {
    "R": "running",
    "S": "sleeping",
    "D": "disk_sleep",
    "T": "stopped",
    "t": "tracing_stop",
    "Z": "zombie",
    "X": "dead",
    "x": "dead",
    "I": "idle",
}
"""proc_pid_stat(5), field `state`."""


async def read_all(channel: Channel, is_spawned: Callable[[int], bool]) -> list[SystemProcess]:
    """Every process of a VM, in the order of their pids.

    One message cannot hold them all, so they come in pages, each beginning behind the pid that the one before ended
    with. What starts meanwhile with a higher pid than any had at the beginning is left out: else pages without end
    could follow.

    Args:
        channel: to the VM.
        is_spawned: whether a pid is that of a running process that was spawned through the API.

    Raises:
        Unavailable: `vm_stopped`, `vm_failed`.
    """
    found: list[SystemProcess] = []
    after, last = 0, None
    while last is None or after < last:
        try:
            answer = await channel.ask("processes", after=after)
        except GuestRefusal as refusal:
            raise general_error(refusal) from None
        if last is None:
            last = min(answer.last, MAX_PID)
        if not answer.processes:
            break
        now, uptime = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
        for each in answer.processes:
            found.append(_checked(each, after, now, uptime, is_spawned))
            after = each.pid
        if len(found) > MAX_PROCESSES:
            raise _wrong()
    return found


def _checked(
    told: GuestProcess, after: int, now: float, uptime: float, is_spawned: Callable[[int], bool]
) -> SystemProcess:
    if not (
        after < told.pid <= MAX_PID
        and 0 <= told.ppid <= MAX_PID
        and 0 <= told.memory < 2**63
        and len(told.name) <= MAX_NAME_BYTES
        and len(told.arguments) <= MAX_ARGUMENT_BYTES
    ):
        raise _wrong()
    return SystemProcess(
        pid=told.pid,
        ppid=told.ppid,
        command=split_arguments(told.arguments) or (told.name,),
        state=_STATES.get(told.state, "unknown"),
        started_at=now - min(max(told.age, 0.0), uptime),
        memory_bytes=told.memory,
        spawned=is_spawned(told.pid),
    )


def split_arguments(arguments: bytes) -> tuple[bytes, ...]:
    """The program and its arguments from /proc/pid/cmdline, where each ends with NUL (proc_pid_cmdline(5)).

    A process may write there what it likes. One that writes its title over them leaves many a NUL behind it, so empty
    arguments at the end are left out.
    """
    return tuple(shown.split(b"\0")) if (shown := arguments.rstrip(b"\0")) else ()


def _wrong() -> Unavailable:
    return Unavailable("vm_failed", "the VM gave a wrong answer")
