"""The control API's own server: uvicorn on a UNIX socket in the data folder, behind the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from hatchway.api.events import MAX_MESSAGE_BYTES
from hatchway.api.problems import answer_problem
from hatchway.api.rivet import endpoint as rivet
from hatchway.errors import InvalidRequest

SOCKET = "control.sock"

_log = logging.getLogger("hatchway.control")
_log.setLevel(logging.WARNING)
# A client that leaves before its handshake is answered is nobody's fault.
_log.addFilter(lambda record: "without completing handshake" not in record.getMessage())

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


class _WebSocket(WebSocketsSansIOProtocol):
    """Refuses a handshake that is none in the API's own words, and logs no URL, which may name what is secret."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        # Not by the level of uvicorn's logger: a program that embeds the server may be served by uvicorn itself.
        self.logger = _log

    def handle_connect(self, event: Request) -> None:
        if event.path.startswith("/gateway/"):
            self.conn.max_message_size = rivet.MAX_BODY_BYTES
        if self.conn.accept(event).status_code == 101:
            super().handle_connect(event)
            return
        error = InvalidRequest(
            "invalid_handshake",
            "the request asks for a WebSocket, and is no handshake for one",
            "RFC 6455 section 4.1 says what belongs to it; use a WebSocket client",
        )
        answer = answer_problem(error)
        fields = Headers([*answer.headers.items(), ("Connection", "close")])
        self.handshake_complete = self.close_sent = True
        self.conn.send_response(Response(answer.status_code, "Bad Request", fields, bytes(answer.body)))
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()


class ControlServer:
    """Serves the control API until `stop`.

    Args:
        data_dir: the folder for its socket: this user's own, and locked by this server.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = os.open(data_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        # A socket's path holds at most 107 bytes (unix(7)); by way of its folder's fd it is always short.
        self.path = f"/proc/self/fd/{self._folder}/{SOCKET}"
        self._server: _Uvicorn | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self, app: ASGIApp) -> None:
        """Listen, and serve `app`."""
        self._remove_socket()  # left by a server that was killed
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(self.path)
        config = uvicorn.Config(
            app,
            http="httptools",
            ws=_WebSocket,
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,
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
        self._remove_socket()
        os.close(self._folder)

    def _remove_socket(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET, dir_fd=self._folder)
