"""What calls about declared services give. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from hatchway.errors import Unavailable
from hatchway.vm.service_spec import ServiceState


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """A declared service, and how it is."""

    name: str
    command: tuple[str, ...]
    """The program and its arguments."""
    cwd: str | None
    port: int | None
    ready: str | None
    state: ServiceState
    """`"asleep"`: its VM does not run. `"starting"`: it runs and is not ready yet. `"ready"`. `"waiting"`: it ended,
    and is about to be started again. `"failed"`: it ended too often and was given up."""
    pid: int | None
    """Inside the VM; None: it does not run."""
    restarts: int
    """How often it was started again since its VM woke."""
    exit_code: int | None
    """Of its last end."""
    signal: int | None
    """The number of the signal that ended it last."""
    last_words: str = field(repr=False)
    """The last lines it wrote to stderr before its last end; or why it could not be started."""


def not_ready(info: ServiceInfo, timeout: float) -> Unavailable:
    """The error for a declared service that did not become ready in time."""
    if info.state == "starting":
        what = f"runs, but was not ready within {timeout:g} s"
    elif info.signal is not None:
        what = f"was ended by signal {info.signal}"
    elif info.exit_code is not None:
        what = f"exited with code {info.exit_code}"
    else:
        what = "could not be started"
    return Unavailable(
        "service_not_ready",
        f"the service {info.name!r} {what}",
        "look at its log; it is declared, and is started again until it is removed or fails too often",
        details={
            "state": info.state,
            "exit_code": info.exit_code,
            "signal": info.signal,
            "stderr": info.last_words,
        },
    )
