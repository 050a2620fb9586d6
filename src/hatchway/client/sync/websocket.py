"""A WebSocket to a service in a VM: the synchronous twin of `hatchway.client.aio.websocket`."""

from __future__ import annotations

from typing import cast

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from hatchway.client.server_url import open_socket
from hatchway.client.sync.transport import USER_AGENT
from hatchway.client.sync.vm_calls import VmCalls
from hatchway.client.websocket_request import FAILURES, handshake_headers, websocket_error, websocket_url

OpenedWebSocket = ClientConnection
"""What `open_websocket` gives: a connection, which `with` closes."""


def open_websocket(
    vm: VmCalls,
    port: int,
    target: str,
    headers: list[tuple[str, str]],
    subprotocols: list[str],
    max_size: int | None,
) -> OpenedWebSocket:
    """A WebSocket to a port of the VM; the parameters are checked already."""
    transport = vm.transport

    def connect_to(path: str) -> ClientConnection:
        transport.check_open()
        try:
            # Given a socket, the library follows no redirect: the next request would carry our credentials, and a
            # service in the VM would say where to.
            sock = open_socket(transport.base, transport.unix_socket, transport.timeouts()["connect"])
            return connect(
                websocket_url(transport.base, transport.target(f"{path}/ports/{port}{target}")),
                sock=sock,
                ssl=transport.certificates,
                proxy=None,
                additional_headers=[*handshake_headers(headers), *transport.credentials()],
                user_agent_header=USER_AGENT,
                subprotocols=cast(list[Subprotocol], subprotocols) or None,
                open_timeout=transport.timeout,
                max_size=max_size,
                legacy=True,
            )
        except FAILURES as error:
            raise websocket_error(error, transport.url) from None

    return vm.on_vm(connect_to)
