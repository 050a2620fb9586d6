"""What happens in a VM, under the names and in the shapes that the client's users know. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hatchway.api.rivet.process_actions import exit_code
from hatchway.vm.event_log import Event, EventKind

NAMES: Mapping[EventKind, str] = {
    "vm_booted": "vmBooted",
    "vm_paused": "vmPaused",
    "vm_resumed": "vmResumed",
    "vm_shutdown": "vmShutdown",
    "vm_disk_full": "vmDiskFull",
    "process_output": "processOutput",
    "process_exit": "processExit",
    "port_opened": "portOpened",
    "port_closed": "portClosed",
    "service_state": "serviceState",
    "shell_data": "shellData",
    "shell_exit": "shellExit",
}
"""The events that clients may subscribe to. Those of the reference, and ours in the same fashion."""
MISSED = "eventsMissed"
"""Told with `{count}` where a client was too slow for what is kept."""

TOLD = frozenset({*NAMES.values(), MISSED})
"""All that a client can be told of."""

_FIELDS = {"shell_id": "shellId", "last_words": "lastWords"}

OF_PORTS = frozenset({"portOpened", "portClosed"})
"""Those for whose sake somebody has to look, while they are followed."""


def kinds(*, ports: bool) -> frozenset[str]:
    """The kinds of events that are read: all, but for those of ports."""
    return frozenset(kind for kind, name in NAMES.items() if ports or name not in OF_PORTS)


def payload(event: Event) -> dict[str, Any]:
    """What the client is told of an event."""
    told: dict[str, Any] = {_FIELDS.get(name, name): value for name, value in event.data.items()}
    if event.kind in {"process_exit", "shell_exit"}:
        code, number = told.pop("exit_code"), told.pop("signal")
        told["exitCode"] = exit_code(code, number)
    return told
