"""Actions on processes."""

from __future__ import annotations

import base64
import signal
from collections.abc import Mapping
from typing import Any

from msgspec import field

from hatchway.api import process_schemas as schemas
from hatchway.api.commands import exec_request, spawn_request
from hatchway.api.execution import collect
from hatchway.api.rivet.arguments import Arguments, Options, as_bytes, convert
from hatchway.api.rivet.js_values import UNDEFINED
from hatchway.api.services import Services
from hatchway.api.streamed_body import once
from hatchway.vm.process_tree import trees
from hatchway.vm.records import ProcessInfo, SystemProcess


class _Spawn(Options):
    env: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None
    stdin: Any = None


class _Exec(_Spawn):
    timeout: float | None = None
    """Milliseconds, as times are in JavaScript."""


async def run(services: Services, vm: str, values: list[Any]) -> Any:
    """`exec(command, {env?, cwd?, stdin?, timeout?})`: `{exitCode, stdout, stderr}`."""
    arguments = Arguments("exec", values, 2)
    options = arguments.options(1, _Exec)
    body = {"command": arguments.text(0, "command"), **_started_with(options)}
    if options.timeout is not None:
        body["timeout"] = options.timeout / 1000
    command = exec_request(convert(body, schemas.Exec, "the command and its options"))
    result = await collect(services, vm, command)
    told = {
        "exitCode": exit_code(result.exit_code, result.signal),
        "stdout": result.stdout,
        "stderr": result.stderr,
    }
    return {**told, "truncated": True} if result.truncated else told


async def spawn(services: Services, vm: str, values: list[Any]) -> Any:
    """`spawn(command, args?, {env?, cwd?, stdin?})`: `{pid}`."""
    arguments = Arguments("spawn", values, 3)
    given = arguments.anything(1)
    body = {
        "command": arguments.text(0, "command"),
        "args": [] if given is None else given,
        **_started_with(arguments.options(2, _Spawn)),
    }
    command = spawn_request(convert(body, schemas.Spawn, "the command and its options"))
    return {"pid": await services.spawn(vm, command)}


async def write_stdin(services: Services, vm: str, values: list[Any]) -> Any:
    """`writeProcessStdin(pid, data)`."""
    arguments = Arguments("writeProcessStdin", values, 2)
    await services.write_process_stdin(vm, arguments.pid(), once(arguments.content(1, "data")))
    return UNDEFINED


async def close_stdin(services: Services, vm: str, values: list[Any]) -> Any:
    """`closeProcessStdin(pid)`."""
    await services.close_process_stdin(vm, Arguments("closeProcessStdin", values, 1).pid())
    return UNDEFINED


async def wait(services: Services, vm: str, values: list[Any]) -> Any:
    """`waitProcess(pid)`: its exit code."""
    info = await services.wait_process(vm, Arguments("waitProcess", values, 1).pid())
    return exit_code(info.exit_code, info.signal)


async def list_processes(services: Services, vm: str, values: list[Any]) -> Any:
    """`listProcesses()`: those that were spawned."""
    Arguments("listProcesses", values, 0)
    return [_spawned(info) for info in await services.list_processes(vm)]


async def get_process(services: Services, vm: str, values: list[Any]) -> Any:
    """`getProcess(pid)`."""
    return _spawned(await services.get_process(vm, Arguments("getProcess", values, 1).pid()))


async def all_processes(services: Services, vm: str, values: list[Any]) -> Any:
    """`allProcesses()`: every one in the VM."""
    Arguments("allProcesses", values, 0)
    return [_any(process) for process in await services.all_processes(vm)]


async def process_tree(services: Services, vm: str, values: list[Any]) -> Any:
    """`processTree()`: every one, below who started it."""
    Arguments("processTree", values, 0)

    def node(process: SystemProcess, children: tuple[dict[str, Any], ...]) -> dict[str, Any]:
        return {**_any(process), "children": list(children)}

    return trees(await services.all_processes(vm), node)


async def stop(services: Services, vm: str, values: list[Any]) -> Any:
    """`stopProcess(pid)`: SIGTERM."""
    await services.signal_spawned(vm, Arguments("stopProcess", values, 1).pid(), signal.SIGTERM)
    return UNDEFINED


async def kill(services: Services, vm: str, values: list[Any]) -> Any:
    """`killProcess(pid)`: SIGKILL."""
    await services.signal_spawned(vm, Arguments("killProcess", values, 1).pid(), signal.SIGKILL)
    return UNDEFINED


def exit_code(code: int | None, number: int | None) -> int | None:
    """An exit code as a shell says it: 128 and its number for a signal; None of one that runs."""
    return code if number is None else 128 + number


def _started_with(options: _Spawn) -> dict[str, Any]:
    found: dict[str, Any] = {"env": options.env, "cwd": options.cwd}
    if isinstance(options.stdin, str):
        found["stdin"] = options.stdin
    elif options.stdin is not None:
        found["stdin_base64"] = base64.b64encode(as_bytes(options.stdin, "stdin")).decode()
    return found


def _spawned(info: ProcessInfo) -> Mapping[str, Any]:
    return {
        "pid": info.pid,
        "command": info.command[0],
        "args": info.command[1:],
        "running": info.state == "running",
        "exitCode": exit_code(info.exit_code, info.signal),
    }


def _any(process: SystemProcess) -> dict[str, Any]:
    words, _ = schemas.told_words(process.command)
    return {
        "pid": process.pid,
        "ppid": process.ppid,
        "command": words[0] if words else "",
        "args": words[1:],
        "status": "exited" if process.state in {"zombie", "dead"} else "running",
        "startTime": int(process.started_at * 1000),
    }


ACTIONS = {
    "allProcesses": all_processes,
    "closeProcessStdin": close_stdin,
    "exec": run,
    "getProcess": get_process,
    "killProcess": kill,
    "listProcesses": list_processes,
    "processTree": process_tree,
    "spawn": spawn,
    "stopProcess": stop,
    "waitProcess": wait,
    "writeProcessStdin": write_stdin,
}
