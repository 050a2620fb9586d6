"""WebSockets to services in a VM, and to the control API. Written by hand for both clients: `websockets` has two of its
own."""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from hatchway.client.aio.concurrency import in_thread
from hatchway.client.aio.transport import USER_AGENT, Transport
from hatchway.client.aio.vm_calls import VmCalls
from hatchway.client.server_url import open_socket
from hatchway.client.websocket_request import (
    FAILURES,
    control_socket_error,
    handshake_headers,
    websocket_error,
    websocket_url,
)
from hatchway.errors import HatchwayError

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""The longest message of the control API that is taken."""


class WebSocketConnect:
    """A connection to be made: `await` it, or use it in `async with`, which closes it."""

    def __init__(
        self,
        vm: VmCalls,
        port: int,
        target: str,
        headers: list[tuple[str, str]],
        subprotocols: list[str],
        max_size: int | None,
    ) -> None:
        self._vm = vm
        self._port = port
        self._target = target
        self._headers = handshake_headers(headers)
        self._subprotocols = subprotocols
        self._max_size = max_size
        self._connection: ClientConnection | None = None

    def __await__(self) -> Generator[Any, None, ClientConnection]:
        return self._connect().__await__()

    async def __aenter__(self) -> ClientConnection:
        self._connection = await self._connect()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._connection is not None
        await self._connection.close()

    async def _connect(self) -> ClientConnection:
        return await self._vm.on_vm(self._connect_to)

    async def _connect_to(self, vm: str) -> ClientConnection:
        return await _connect(
            self._vm.transport,
            f"{vm}/ports/{self._port}{self._target}",
            websocket_error,
            self._headers,
            self._subprotocols,
            self._max_size,
        )


OpenedWebSocket = WebSocketConnect
"""What `open_websocket` gives: a connection to be made, by `await` or by `async with`."""

open_websocket = WebSocketConnect
"""A WebSocket to a port of the VM; the parameters are checked already."""

ControlSocket = ClientConnection
"""A WebSocket of the control API."""


async def open_control_socket(transport: Transport, path: str) -> ControlSocket:
    """A WebSocket of the control API, at an encoded path and query; whoever opens it closes it.

    Raises:
        HatchwayError: what the server says, or `ConnectionFailed`.
    """
    return await _connect(transport, path, control_socket_error, [], [], MAX_MESSAGE_BYTES)


async def _connect(
    transport: Transport,
    path: str,
    meaning: Callable[[BaseException, str], HatchwayError],
    headers: list[tuple[str, str]],
    subprotocols: list[str],
    max_size: int | None,
) -> ClientConnection:
    transport.check_open()
    try:
        # Given a socket, the library follows no redirect: the next request would carry our credentials, and a
        # service in the VM would say where to.
        sock = await in_thread(
            open_socket, transport.base, transport.unix_socket, transport.timeouts()["connect"]
        )
        return await connect(
            websocket_url(transport.base, transport.target(path)),
            sock=sock,
            ssl=transport.certificates,
            proxy=None,
            additional_headers=[*headers, *transport.credentials()],
            user_agent_header=USER_AGENT,
            subprotocols=cast(list[Subprotocol], subprotocols) or None,
            open_timeout=transport.timeout,
            max_size=max_size,
        )
    except FAILURES as error:
        raise meaning(error, transport.url) from None
