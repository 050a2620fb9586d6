"""A WebSocket to a service in a VM. Written by hand for both clients: the `websockets` library has two of its own."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from hatchway.client.aio.concurrency import in_thread
from hatchway.client.aio.transport import USER_AGENT
from hatchway.client.aio.vm_calls import VmCalls
from hatchway.client.server_url import open_socket
from hatchway.client.websocket_request import FAILURES, handshake_headers, websocket_error, websocket_url


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
        transport = self._vm.transport
        transport.check_open()
        try:
            # Given a socket, the library follows no redirect: the next request would carry our credentials, and a
            # service in the VM would say where to.
            sock = await in_thread(
                open_socket, transport.base, transport.unix_socket, transport.timeouts()["connect"]
            )
            return await connect(
                websocket_url(transport.base, transport.target(f"{vm}/ports/{self._port}{self._target}")),
                sock=sock,
                ssl=transport.certificates,
                proxy=None,
                additional_headers=[*self._headers, *transport.credentials()],
                user_agent_header=USER_AGENT,
                subprotocols=cast(list[Subprotocol], self._subprotocols) or None,
                open_timeout=transport.timeout,
                max_size=self._max_size,
            )
        except FAILURES as error:
            raise websocket_error(error, transport.url) from None


OpenedWebSocket = WebSocketConnect
"""What `open_websocket` gives: a connection to be made, by `await` or by `async with`."""

open_websocket = WebSocketConnect
"""A WebSocket to a port of the VM; the parameters are checked already."""
