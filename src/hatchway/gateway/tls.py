"""TLS on the listener: a certificate and its key, which may be renewed while it listens."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from hatchway.errors import HatchwayError, InvalidRequest

ALPN = ["http/1.1"]
"""What the gateway speaks inside TLS (RFC 7301; the names are IANA's)."""


class ListenerTls:
    """What a listener needs to speak TLS 1.2 or later (RFC 8996) with a certificate that may be renewed.

    Args:
        certificate: a PEM file of the server's certificate, followed by those of its chain.
        key: a PEM file of the certificate's private key, not encrypted.

    Raises:
        InvalidRequest: `tls_file_unreadable`, `tls_file_invalid`, `tls_key_encrypted`, `tls_key_mismatch`. The
            message names the files, so it is for the operator alone.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._newest = _load(certificate, key)
        # A renewed certificate comes as a context of its own: loaded into one that is in use, a certificate with
        # another kind of key would be kept beside the old one, and either given out.
        self.context = _empty_context()
        """For the listener, for as long as it lives."""
        self.context.sni_callback = self._choose

    def renew(self) -> None:
        """Read the files anew, for the handshakes from now on. Connections that are open keep what they have.

        Raises:
            InvalidRequest: as for the class; what was in use stays in use.
        """
        self._newest = _load(self._certificate, self._key)

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        # Called for every handshake, also where the client names no server.
        connection.context = self._newest


def _load(certificate: Path, key: Path) -> ssl.SSLContext:
    context = _empty_context()
    with _as_path(_read(certificate, "certificate")) as chain, _as_path(_read(key, "private key")) as secret:
        try:
            context.load_cert_chain(chain, secret, _refuse_to_ask)
        except (ssl.SSLError, ValueError) as error:
            raise _explain(error, certificate, key) from None
    return context


def _empty_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(ALPN)
    return context


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(
            "tls_file_unreadable",
            f"the {what} {path} cannot be read: {error.strerror or 'unknown error'}",
            "check the path, and that the user who runs the server may read the file",
        ) from None


@contextmanager
def _as_path(data: bytes) -> Iterator[str]:
    """A path under which this process finds `data`: the ssl module takes certificates by path only, and would not
    say which of two files it cannot read."""
    fd = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        with os.fdopen(fd, "wb", closefd=False) as file:
            file.write(data)
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


class _EncryptedKeyError(ValueError):
    pass


def _refuse_to_ask() -> NoReturn:
    # Without this, OpenSSL would ask for the passphrase on the terminal.
    raise _EncryptedKeyError


def _explain(error: Exception, certificate: Path, key: Path) -> HatchwayError:
    if isinstance(error, _EncryptedKeyError):
        return InvalidRequest(
            "tls_key_encrypted",
            f"the private key {key} is encrypted, and nobody is there to give its passphrase",
            "write one that is not: openssl pkey -in encrypted.pem -out key.pem",
        )
    reason = getattr(error, "reason", None)
    # The second: the certificate is for a key of another kind.
    if reason in {"KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}:
        return InvalidRequest(
            "tls_key_mismatch",
            f"the private key {key} is not that of the first certificate in {certificate}",
            "give the two files that were issued together, the server's own certificate first in its file",
        )
    return InvalidRequest(
        "tls_file_invalid",
        f"{certificate} and {key} are not a certificate and a private key that can be used"
        + (f" ({reason})" if reason else ""),
        "give PEM files: the certificate with its chain, and its private key",
    )
