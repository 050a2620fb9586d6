"""WebSockets to services and to the control API: the synchronous twin of `hatchway.client.aio.websocket`."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from hatchway.client.server_url import open_socket
from hatchway.client.sync.transport import USER_AGENT, Transport
from hatchway.client.sync.vm_calls import VmCalls
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
    fields = handshake_headers(headers)
    return vm.on_vm(
        lambda path: _connect(
            vm.transport, f"{path}/ports/{port}{target}", websocket_error, fields, subprotocols, max_size
        )
    )


ControlSocket = ClientConnection
"""A WebSocket of the control API."""


def open_control_socket(transport: Transport, path: str) -> ControlSocket:
    """A WebSocket of the control API, at an encoded path and query; whoever opens it closes it.

    Raises:
        HatchwayError: what the server says, or `ConnectionFailed`.
    """
    return _connect(transport, path, control_socket_error, [], [], MAX_MESSAGE_BYTES)


def _connect(
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
        sock = open_socket(transport.base, transport.unix_socket, transport.timeouts()["connect"])
        return connect(
            websocket_url(transport.base, transport.target(path)),
            sock=sock,
            ssl=transport.certificates,
            proxy=None,
            additional_headers=[*headers, *transport.credentials()],
            user_agent_header=USER_AGENT,
            subprotocols=cast(list[Subprotocol], subprotocols) or None,
            open_timeout=transport.timeout,
            max_size=max_size,
            legacy=True,
        )
    except FAILURES as error:
        raise meaning(error, transport.url) from None
