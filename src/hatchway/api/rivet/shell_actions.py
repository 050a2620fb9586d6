"""Actions on shells: programs on a terminal in the VM."""

from __future__ import annotations

from typing import Any

from msgspec import field

from hatchway.api import shell_schemas as schemas
from hatchway.api.commands import shell_request
from hatchway.api.rivet.arguments import Arguments, Options, convert
from hatchway.api.rivet.js_values import UNDEFINED
from hatchway.api.services import Services
from hatchway.api.streamed_body import once
from hatchway.api.targets import check_shell_id


class _OpenShell(Options):
    command: str | None = None
    args: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    cols: int = 80
    rows: int = 24


async def open_shell(services: Services, vm: str, values: list[Any]) -> Any:
    """`openShell({command?, args?, env?, cwd?, cols?, rows?})`: `{shellId}`."""
    options = Arguments("openShell", values, 1).options(0, _OpenShell)
    body = {name: getattr(options, name) for name in ("command", "args", "env", "cwd", "cols", "rows")}
    info = await services.open_shell(vm, shell_request(convert(body, schemas.OpenShell, "the options")))
    return {"shellId": info.id}


async def write(services: Services, vm: str, values: list[Any]) -> Any:
    """`writeShell(shellId, data)`."""
    arguments = Arguments("writeShell", values, 2)
    shell = check_shell_id(arguments.text(0, "shellId"))
    await services.write_shell(vm, shell, once(arguments.content(1, "data")))
    return UNDEFINED


async def resize(services: Services, vm: str, values: list[Any]) -> Any:
    """`resizeShell(shellId, cols, rows)`."""
    arguments = Arguments("resizeShell", values, 3)
    shell = check_shell_id(arguments.text(0, "shellId"))
    size = {"cols": arguments.anything(1), "rows": arguments.anything(2)}
    body = convert(size, schemas.Resize, "cols and rows")
    await services.resize_shell(vm, shell, body.cols, body.rows)
    return UNDEFINED


async def close(services: Services, vm: str, values: list[Any]) -> Any:
    """`closeShell(shellId)`."""
    await services.close_shell(vm, check_shell_id(Arguments("closeShell", values, 1).text(0, "shellId")))
    return UNDEFINED


ACTIONS = {
    "closeShell": close,
    "openShell": open_shell,
    "resizeShell": resize,
    "writeShell": write,
}
