"""Where a server is, how to get there, and whom to trust there."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import httpx

from hatchway.errors import InvalidRequest


def parse_server_url(url: str) -> tuple[str, httpx.URL]:
    """A server's URL, `http(s)://host[:port][/prefix]`: as text without a trailing slash, and in parts.

    Raises:
        InvalidRequest: `invalid_url`.
    """
    hint = 'give something like "http://localhost:6420"'
    try:
        base = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise InvalidRequest("invalid_url", "the server's URL cannot be read", hint) from None
    if base.userinfo:
        # The URL is not repeated: it holds a credential.
        raise InvalidRequest(
            "invalid_url", "the server's URL must not hold a user name or password", "pass token=… instead"
        )
    if base.scheme not in ("http", "https") or not base.host or base.query or base.fragment:
        raise InvalidRequest("invalid_url", f"{str(base)!r} is not the URL of a server", hint)
    return str(base).rstrip("/"), base


def trusted_certificates() -> ssl.SSLContext:
    """Those that httpx trusts: in SSL_CERT_FILE or SSL_CERT_DIR if either is set, else those that come with it."""
    try:
        return httpx.create_ssl_context(trust_env=True)
    except OSError:  # ssl.SSLError among them
        raise InvalidRequest(
            "invalid_certificates",
            "the certificates to trust cannot be read",
            "check SSL_CERT_FILE, which must name a PEM file, and SSL_CERT_DIR",
        ) from None


def open_socket(base: httpx.URL, unix_socket: Path | None, timeout: float | None) -> socket.socket:
    """A connection to a server: to its UNIX socket if it has one, else to the URL's host and port.

    Args:
        base: the server's URL.
        unix_socket: its UNIX socket, if it listens on one.
        timeout: seconds; None: as long as the system tries.

    Raises:
        OSError: there is none.
    """
    if unix_socket is None:
        port = base.port or (443 if base.scheme == "https" else 80)
        return socket.create_connection((base.host, port), timeout)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(str(unix_socket))
    except BaseException:
        sock.close()
        raise
    return sock
