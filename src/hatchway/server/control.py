"""The control API's own server: uvicorn on a UNIX socket in a folder of this user's, behind the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

STOP_SECONDS = 5
"""How long answers under way may take when the server stops."""


class _Uvicorn(uvicorn.Server):
    """Says when it listens, and leaves the process's signals to the server it is part of."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ControlServer:
    """Serves the control API until `stop`."""

    def __init__(self) -> None:
        # A socket's path holds at most 107 bytes (unix(7)), so it cannot lie in any data folder.
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        parent = runtime if os.path.isdir(runtime) and os.access(runtime, os.W_OK) else None
        self._folder = Path(tempfile.mkdtemp(prefix="hatchway-", dir=parent))
        self.path = str(self._folder / "api.sock")
        self._server: _Uvicorn | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self, app: ASGIApp) -> None:
        """Listen, and serve `app`."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(self.path)
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,  # a URL may name what is secret
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=3600,  # the gateway's pool decides
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = _Uvicorn(config)
        self._serving = asyncio.get_running_loop().create_task(self._server.serve([sock]))
        await self._server.listens.wait()

    async def stop(self) -> None:
        """Finish the answers under way, and stop."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
        shutil.rmtree(self._folder, ignore_errors=True)
