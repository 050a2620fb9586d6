"""The refusals that operations on files share."""

from __future__ import annotations

from hatchway.api.operation import VM_ERRORS

FILE_ERRORS = (
    (400, "invalid_path"),
    (404, "file_not_found"),
    (409, "not_a_directory"),
    (409, "not_permitted"),
    (409, "too_many_processes"),
    (503, "too_many_requests"),
    *VM_ERRORS,
)
"""Of every operation on a file, folder or link."""
