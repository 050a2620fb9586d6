"""One tool of the matrix, running in a VM behind a preview."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from compatibility.packages import IN_VM, locked_versions, vm_python
from e2e.server_process import ServerProcess
from e2e.waiting import eventually
from hatchway import Agent, AsyncClient, HatchwayError, Preview

PYTHON = str(vm_python())
NODE_MODULES = f"{IN_VM}/node/node_modules"
FOLDER = "/home/user/app"
NUMBERS = b"".join(b"%09d\n" % number for number in range(1000))
"""A file for apps that serve files, written by `WRITE_NUMBERS`."""
WRITE_NUMBERS = ("sh", "-c", "seq -f %09.0f 0 999 >numbers.txt")
_LOG = "/home/user/app.log"
_SOURCES = Path(__file__).parent / "apps"
_START_SECONDS = 60.0
"""Far above what the slowest takes on a busy machine."""


@dataclass(frozen=True, slots=True)
class App:
    """A tool and how it is started; the files are those of `apps/{folder}`."""

    tool: str
    """Its name in the table."""
    folder: str
    port: int
    command: Sequence[str]
    """What serves, run in the folder."""
    version: Sequence[str]
    """A command that prints the tool's version, the first number with a dot in it."""
    locked_as: str | None
    """Its name in `locked_versions`; None: it comes with the machine."""
    prepare: Sequence[Sequence[str]] = ()
    """Commands to run to their end before."""

    @property
    def locked_version(self) -> str | None:
        """The version that the lock files name."""
        return None if self.locked_as is None else locked_versions()[self.locked_as]


@dataclass(frozen=True, slots=True)
class Running:
    """An `App` that serves."""

    app: App
    version: str
    """As the tool itself said in the VM."""
    server: ServerProcess
    preview: Preview

    @property
    def host(self) -> str:
        """The preview's name and port."""
        return f"{self.preview.token}.localhost:{self.server.port}"

    def connect(self, target: str, **options: Any) -> connect:
        """A WebSocket to the preview: an asynchronous context manager, with the options of `websockets`."""
        where: dict[str, Any] = {"host": "127.0.0.1", "port": self.server.port}
        return connect(f"ws://{self.host}{target}", max_size=None, proxy=None, **where, **options)


async def start(app: App, server: ServerProcess) -> Running:
    """Boot a VM, start the app in it, and make a preview of its port."""
    async with AsyncClient(server.url) as client:
        agent = agent_of(app, client)
        await run(agent, ["mkdir", "-p", FOLDER])
        for source in sorted((_SOURCES / app.folder).rglob("*")):
            name = f"{FOLDER}/{source.relative_to(_SOURCES / app.folder)}"
            if source.is_dir():
                await run(agent, ["mkdir", "-p", name])
            else:
                await agent.write_file(name, source.read_bytes())
        # A folder of the app's own, as npm makes one: Vite writes its cache there.
        await run(agent, ["sh", "-c", f"mkdir node_modules && ln -s {NODE_MODULES}/* node_modules"])
        for command in app.prepare:
            await run(agent, command)
        said = await run(agent, app.version)
        found = re.search(r"\d+(\.\d+)+", said)
        assert found is not None, said
        log = ["/bin/sh", "-c", f'exec "$@" >{_LOG} 2>&1', "sh"]
        await agent.spawn(log[0], [*log[1:], *app.command], cwd=FOLDER, env=_ENVIRONMENT)
        await _wait_until_it_answers(agent, app)
        return Running(app, found[0], server, await agent.create_signed_preview_url(app.port))


async def end(running: Running) -> None:
    """Destroy the VM, after a look at whether anything in it has learned the preview's token."""
    async with AsyncClient(running.server.url) as client:
        agent = agent_of(running.app, client)
        token = running.preview.token
        # In two parts: the command itself is no find.
        search = f'find /home /tmp /var /run -type f -exec grep -l -a "{token[:16]}""{token[16:]}" {{}} +'
        found = await agent.exec(search)
        await agent.destroy()
    assert found.stdout == "", f"{running.app.tool} has learned the token"


def agent_of(app: App, client: AsyncClient) -> Agent:
    """The VM that an app runs in."""
    return client.vm.get_or_create(["compatibility", app.folder])


async def run(agent: Agent, command: Sequence[str]) -> str:
    """Run a command of the app's in its VM; its standard output."""
    ran = await agent.exec(
        list(command), cwd=FOLDER if await agent.exists(FOLDER) else None, env=_ENVIRONMENT
    )
    assert ran.exit_code == 0, f"{command}: {ran.stdout}{ran.stderr}"
    return ran.stdout


class ToLoopback(httpx.AsyncHTTPTransport):
    """Takes every name under localhost for this machine, as browsers do (RFC 6761 section 6.3)."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host.endswith("localhost")
        # `Host` has been made from the name already; the request itself stays, since cookies go by its name.
        dialled = httpx.Request(
            request.method,
            request.url.copy_with(host="127.0.0.1"),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return await super().handle_async_request(dialled)


async def _wait_until_it_answers(agent: Agent, app: App) -> None:
    async def answers() -> bool:
        try:
            await agent.vm_fetch(app.port, "/")
        except HatchwayError as error:
            if error.code == "port_closed":
                return False
            raise
        return True

    try:
        await eventually(answers, f"{app.tool} listens on port {app.port}", _START_SECONDS)
    except (AssertionError, HatchwayError) as error:
        raise AssertionError(f"{error}; it said: {(await _said(agent)).decode(errors='replace')}") from None


async def _said(agent: Agent) -> bytes:
    """What the app has printed so far."""
    return await agent.read_file(_LOG) if await agent.exists(_LOG) else b""


_ENVIRONMENT = {
    "PYTHONPATH": f"{IN_VM}/python",
    "PYTHONUNBUFFERED": "1",
    "NODE_MODULES": NODE_MODULES,
}
