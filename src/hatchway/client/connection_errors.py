"""What goes wrong on the way to a server, as a `HatchwayError`. Pure.

httpx's own text, which may hold anything, is left out.
"""

from __future__ import annotations

import ssl

import httpx

from hatchway.errors import ConnectionFailed, HatchwayError, InvalidRequest


def connection_error(error: httpx.TransportError, url: str) -> HatchwayError:
    """The error that one of httpx's stands for.

    Args:
        error: what httpx raised.
        url: the server's.
    """
    tls = tls_error(error, url) if isinstance(error, httpx.ConnectError) else None
    if tls is not None:
        return tls
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return server_unreachable(url)
    if isinstance(error, httpx.TimeoutException):
        return timed_out()
    if isinstance(error, httpx.LocalProtocolError):
        return InvalidRequest("invalid_request", "the request cannot be sent as HTTP", "check its headers")
    return connection_lost(url)


def tls_error(error: BaseException, url: str) -> HatchwayError | None:
    """What went wrong in the TLS handshake, if that is what is behind an error."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ConnectionFailed(
            "certificate_not_trusted",
            f"the certificate of {url} cannot be trusted: {cause.verify_message}",
            "call the server by a name in its certificate; name your own certificate authority in SSL_CERT_FILE",
        )
    if cause is None:
        return None
    return ConnectionFailed(
        "tls_failed", f"no TLS connection could be made to {url}", "check that the server speaks TLS there"
    )


def server_unreachable(url: str) -> ConnectionFailed:
    """Nobody answers at the server's URL."""
    return ConnectionFailed(
        "server_unreachable", f"no Hatchway server answers at {url}", "start one with: hatchway serve"
    )


def connection_lost(url: str) -> ConnectionFailed:
    """The connection broke off."""
    return ConnectionFailed(
        "connection_lost", f"the connection to {url} broke off", "try again; the server's log may say more"
    )


def timed_out() -> ConnectionFailed:
    """The server made no progress in time."""
    return ConnectionFailed(
        "timeout",
        "the server made no progress in time",
        "pass a longer timeout to this call, or to create_client()",
    )
