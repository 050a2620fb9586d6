"""The table of all operations. Routing and the OpenAPI document are made from it."""

from __future__ import annotations

from hatchway.api import (
    about,
    cron,
    declared_services,
    disks,
    events,
    execution,
    file_archive,
    file_listing,
    file_tree,
    files,
    life,
    ports,
    previews,
    process_io,
    processes,
    shells,
    vms,
)
from hatchway.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *about.OPERATIONS,
    *vms.OPERATIONS,
    *life.OPERATIONS,
    *disks.OPERATIONS,
    *files.OPERATIONS,
    *file_tree.OPERATIONS,
    *file_listing.OPERATIONS,
    *file_archive.OPERATIONS,
    *execution.OPERATIONS,
    *processes.OPERATIONS,
    *process_io.OPERATIONS,
    *events.OPERATIONS,
    *shells.OPERATIONS,
    *declared_services.OPERATIONS,
    *ports.OPERATIONS,
    *cron.OPERATIONS,
    *previews.OPERATIONS,
)


def by_path() -> dict[str, dict[str, Operation]]:
    """The operations by path and method."""
    table: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        table.setdefault(operation.path, {})[operation.method] = operation
    return table
