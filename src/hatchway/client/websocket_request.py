"""A WebSocket to a service in a VM, or to the control API: where it goes, and what its refusals stand for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

import httpx
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidProxy, InvalidStatus, InvalidURI

from hatchway.client.connection_errors import connection_lost, server_unreachable, timed_out, tls_error
from hatchway.client.problems import error_from_answer
from hatchway.errors import HatchwayError

FAILURES = (InvalidHandshake, InvalidMessage, InvalidProxy, InvalidURI, OSError, TimeoutError, ValueError)
"""What connecting raises, in the `websockets` library and below it."""

_OF_THE_HANDSHAKE = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "upgrade",
        "user-agent",
    }
)


def websocket_url(base: httpx.URL, target: bytes) -> str:
    """The `ws:` or `wss:` URL of a target on a server."""
    scheme = "wss" if base.scheme == "https" else "ws"
    return f"{scheme}://{base.netloc.decode('ascii')}{target.decode('ascii')}"


def handshake_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of the caller's headers those that go with the handshake; the others are the handshake's own."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_HANDSHAKE]


def websocket_error(error: BaseException, server: str) -> HatchwayError:
    """The error for a WebSocket that did not come to be.

    Args:
        error: one of `FAILURES`.
        server: the server's URL.
    """
    refused = error if isinstance(error, InvalidStatus) else error.__cause__
    if isinstance(refused, InvalidStatus):
        return _refusal(refused)
    if isinstance(error, TimeoutError):
        return timed_out()
    tls = tls_error(error, server)
    if tls is not None:
        return tls
    if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
        return server_unreachable(server)
    if isinstance(error, (EOFError, OSError, InvalidMessage)):
        return connection_lost(server)
    return HatchwayError(
        "websocket_refused",
        "the service answered the handshake with what is no WebSocket",
        "check the path, the subprotocols, and that the service speaks WebSocket there",
        status=502,
    )


def control_socket_error(error: BaseException, server: str) -> HatchwayError:
    """The same for a WebSocket of the control API, whose refusals are its own."""
    refused = error if isinstance(error, InvalidStatus) else error.__cause__
    if not isinstance(refused, InvalidStatus):
        return websocket_error(error, server)
    response, body = refused.response, bytes(refused.response.body or b"")
    headers = response.headers
    return error_from_answer(
        response.status_code, body, headers.get("hatchway-error"), headers.get("retry-after")
    )


def _refusal(refused: InvalidStatus) -> HatchwayError:
    response = refused.response
    code = response.headers.get("hatchway-error")
    if code is not None:
        return error_from_answer(
            response.status_code, bytes(response.body or b""), code, response.headers.get("retry-after")
        )
    try:
        phrase = f" {HTTPStatus(response.status_code).phrase}"
    except ValueError:
        phrase = ""
    return HatchwayError(
        "websocket_refused",
        f"the service answered the handshake with {response.status_code}{phrase}",
        "check the path, and that the service speaks WebSocket there",
        status=502,
    )
