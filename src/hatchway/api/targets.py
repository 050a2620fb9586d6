"""What a request's path names: a VM, a process, a service, a cron job, a shell, a preview."""

from __future__ import annotations

import re

from starlette.requests import HTTPConnection, Request

from hatchway.errors import InvalidRequest, NotFound
from hatchway.preview.token import is_preview_id
from hatchway.vm.cron_job import check_job_id
from hatchway.vm.service_spec import check_service_name
from hatchway.vm.shell import shell_not_found

_VM_ID = re.compile(r"[a-z0-9]{20}")
_SHELL_ID = re.compile(r"[0-9a-f]{20}")
_PID = re.compile(r"[1-9][0-9]{0,9}")


def vm_id(request: HTTPConnection) -> str:
    """The VM, or `NotFound` `vm_not_found` for what cannot be an id."""
    return check_vm_id(request.path_params["vm_id"])


def check_vm_id(text: str) -> str:
    """The same for an id from elsewhere."""
    if _VM_ID.fullmatch(text) is None:
        raise NotFound("vm_not_found", "there is no VM with this id", "GET /api/vms lists all")
    return text


def pid(request: Request) -> int:
    """The process, or `NotFound` `process_not_found` for what cannot be a pid."""
    text: str = request.path_params["pid"]
    if _PID.fullmatch(text) is None:
        raise NotFound("process_not_found", "there is no such process", "pids are whole numbers")
    return int(text)


def service_name(request: Request) -> str:
    """The declared service, or `NotFound` `service_not_found` for what cannot be a service's name."""
    text: str = request.path_params["service"]
    try:
        return check_service_name(text)
    except InvalidRequest as error:
        if request.method == "PUT":
            raise
        raise NotFound("service_not_found", "there is no such service", error.message) from None


def cron_job_id(request: Request) -> str:
    """The cron job, or `NotFound` `cron_job_not_found` for what cannot be a cron job's id."""
    text: str = request.path_params["job_id"]
    try:
        return check_job_id(text)
    except InvalidRequest as error:
        raise NotFound("cron_job_not_found", "there is no such cron job", error.message) from None


def shell_id(request: Request) -> str:
    """The shell, or `NotFound` `shell_not_found` for what cannot be a shell's id."""
    return check_shell_id(request.path_params["shell_id"])


def check_shell_id(text: str) -> str:
    """The same for an id from elsewhere."""
    if _SHELL_ID.fullmatch(text) is None:
        raise shell_not_found()
    return text


def preview_id(request: Request) -> str:
    """The preview, or `NotFound` `preview_not_found` for what cannot be a preview's id."""
    text: str = request.path_params["preview_id"]
    if not is_preview_id(text):
        raise preview_not_found()
    return text


def preview_not_found() -> NotFound:
    """What is said of the id of a preview that never was, has ended, or is another VM's."""
    return NotFound(
        "preview_not_found",
        "this VM has no live preview with this id",
        "it may have ended: GET /api/vms/{vm_id}/previews lists the live ones",
    )
