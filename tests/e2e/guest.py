"""Services inside VMs: the scripts in resources/, written into a VM and run by its node."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

from e2e.waiting import eventually
from hatchway import Agent, HatchwayError

RESOURCES = Path(__file__).parent / "resources"


async def start_service(agent: Agent, port: int = 3000, name: str = "zoo", host: str = "127.0.0.1") -> int:
    """Run the zoo (see resources/zoo.js) in a VM; returns its pid once it listens on `port` of `host`."""
    for script in sorted(RESOURCES.glob("*.js")):
        await agent.write_file(f"/home/user/{script.name}", script.read_bytes())
    process = await agent.spawn("node", ["/home/user/zoo.js", str(port), name, host])
    await wait_for_port(agent, port)
    return process.pid


async def start_script(agent: Agent, script: str, port: int = 3000) -> int:
    """Run a node script given as text; returns its pid once something listens on `port`."""
    process = await agent.spawn("node", ["-e", script])
    await wait_for_port(agent, port)
    return process.pid


async def wait_for_port(agent: Agent, port: int) -> None:
    """Return as soon as something listens on `port` of the VM."""

    async def listens() -> bool:
        try:
            await agent.vm_fetch(port, "/")
        except HatchwayError as error:
            if error.code != "port_closed":
                raise
            return False
        return True

    await eventually(listens, f"something listens on port {port} of the VM")


async def refusal_of(call: Awaitable[object]) -> HatchwayError:
    """The error that awaiting `call` raises."""
    try:
        await call
    except HatchwayError as error:
        return error
    raise AssertionError("it was not refused")
