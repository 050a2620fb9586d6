"""The table of all operations. Routing and the OpenAPI document are made from it."""

from __future__ import annotations

from hatchway.api import about, execution, files, previews, process_io, processes, vms
from hatchway.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *about.OPERATIONS,
    *vms.OPERATIONS,
    *files.OPERATIONS,
    *execution.OPERATIONS,
    *processes.OPERATIONS,
    *process_io.OPERATIONS,
    *previews.OPERATIONS,
)


def by_path() -> dict[str, dict[str, Operation]]:
    """The operations by path and method."""
    table: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        table.setdefault(operation.path, {})[operation.method] = operation
    return table
