from __future__ import annotations

import ssl

import httpx
import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.http11 import Response

from hatchway.client.websocket_request import handshake_headers, websocket_error, websocket_url

SERVER = "http://localhost:6420"


def refused(status: int, body: bytes = b"", **headers: str) -> InvalidStatus:
    fields = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return InvalidStatus(Response(status, "", fields, body))


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("no")
    error.verify_message = "self-signed certificate"  # as the ssl module sets it
    return error


def test_urls() -> None:
    assert websocket_url(httpx.URL("http://h:6420"), b"/api/x?y") == "ws://h:6420/api/x?y"
    assert websocket_url(httpx.URL("https://[::1]"), b"/") == "wss://[::1]/"


def test_headers_of_the_handshake_are_its_own() -> None:
    given = [
        ("Host", "x"),
        ("Sec-WebSocket-Key", "x"),
        ("Cookie", "a=1"),
        ("user-agent", "x"),
        ("Origin", "o"),
    ]
    assert handshake_headers(given) == [("Cookie", "a=1"), ("Origin", "o")]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (refused(404), "websocket_refused", "404 Not Found"),
        (refused(799), "websocket_refused", "799"),
        (refused(503, b"{}", Hatchway_Error="vm_stopped"), "vm_stopped", ""),
        (TimeoutError(), "timeout", ""),
        (ConnectionRefusedError(), "server_unreachable", SERVER),
        (ConnectionResetError(), "connection_lost", ""),
        (InvalidMessage("not HTTP"), "connection_lost", ""),
        (EOFError(), "connection_lost", ""),
        (InvalidHandshake("wrong"), "websocket_refused", "no WebSocket"),
        (untrusted(), "certificate_not_trusted", "self-signed"),
        (ssl.SSLError("no"), "tls_failed", ""),
    ],
)
def test_what_errors_stand_for(error: BaseException, code: str, words: str) -> None:
    made = websocket_error(error, SERVER)
    assert made.code == code
    assert words in made.message


def test_a_redirect_that_was_not_followed_is_a_refusal() -> None:
    error = ValueError("cannot follow redirect to ws://secret with a preexisting socket")
    error.__cause__ = refused(302)
    made = websocket_error(error, SERVER)
    assert made.code == "websocket_refused"
    assert "secret" not in str(made)
