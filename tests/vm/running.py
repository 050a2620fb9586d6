"""Running commands in a machine of a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hatchway.vm.machine import Machine
from hatchway.vm.records import ExecRequest, Exit, Output

Boot = Callable[..., Awaitable[Machine]]
"""Boots a machine: `await boot(limits, layers)`."""


@dataclass
class Ran:
    """How a command went."""

    exit_code: int | None
    signal: int | None
    timed_out: bool
    stdout: str
    stderr: str


async def run(
    machine: Machine,
    command: str | list[str],
    *,
    env: dict[str, str] | None = None,
    cwd: str | None = None,
    stdin: bytes | None = None,
    timeout: float | None = 30,
) -> Ran:
    """Run a command in a machine to its end."""
    output = {"stdout": bytearray(), "stderr": bytearray()}
    ended: Exit | None = None
    request = ExecRequest(command, env=env or {}, cwd=cwd, stdin=stdin, timeout=timeout)
    async with machine.exec(request) as events:
        async for event in events:
            if isinstance(event, Output):
                output[event.stream] += event.data
            elif isinstance(event, Exit):
                ended = event
    assert ended is not None
    texts = {name: data.decode(errors="surrogateescape") for name, data in output.items()}
    return Ran(ended.exit_code, ended.signal, ended.timed_out, **texts)


async def run_python(machine: Machine, program: str) -> Ran:
    """Run a Python program inside a machine, with the host's own interpreter from /usr."""
    return await run(machine, ["python3", "-c", program])
