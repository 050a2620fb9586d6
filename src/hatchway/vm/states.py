"""The states of a VM and the ways between them. Pure.

| state | processes | memory | disk | leaves it |
|---|---|---|---|---|
| `running` | run | kept | kept | when nobody has used it for a while, or somebody says so |
| `paused` | frozen | kept | kept | with the next use, in about a millisecond |
| `asleep` | none | given back | kept | with the next use, which boots it and starts its declared services |
| destroyed | none | given back | removed | never: it has no more state, and is not found |

A new VM is asleep.
"""

from __future__ import annotations

from typing import Literal

from hatchway.options import IdleOptions

VmState = Literal["running", "paused", "asleep"]
ShutdownReason = Literal["sleep", "destroy", "error"]
"""`error`: it ended by itself, or was ended by somebody else than its server."""


def due_state(state: VmState, idle_seconds: float, options: IdleOptions) -> VmState:
    """The state that a VM should have which nobody has used for some time.

    Args:
        state: the one it has.
        idle_seconds: since when nobody uses it.
        options: after how long it is to be what.
    """
    if state == "asleep" or (options.sleep_after is not None and idle_seconds >= options.sleep_after):
        return "asleep"
    if state == "paused" or (options.pause_after is not None and idle_seconds >= options.pause_after):
        return "paused"
    return "running"


def next_due(state: VmState, idle_seconds: float, options: IdleOptions) -> float | None:
    """In how many seconds `due_state` says something else, if nobody uses the VM; None: never."""
    later = [options.sleep_after] if state == "paused" else [options.pause_after, options.sleep_after]
    waits = [seconds - idle_seconds for seconds in later if seconds is not None]
    return max(0.0, min(waits)) if waits and state != "asleep" else None
