"""Certificates of a test's own, and visitors who trust them and dial one place whatever a URL says."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Self

import httpx
import trustme
from websockets.asyncio.client import ClientConnection, connect

ADDRESS = "127.0.0.1"


class CertificateFiles:
    """A certificate with its chain and its key, in two files as an operator has them.

    Args:
        folder: where the files are.
        names: what the certificate is for.
    """

    def __init__(self, ca: trustme.CA, folder: Path, *names: str) -> None:
        self._ca = ca
        self._names = names
        self.certificate = folder / "fullchain.pem"
        self.key = folder / "privkey.pem"
        self.issue()

    def issue(self) -> bytes:
        """Write a new certificate and key; the certificate in DER form."""
        issued = self._ca.issue_cert(*self._names)
        chain = [pem.bytes() for pem in issued.cert_chain_pems]
        self.certificate.write_bytes(b"".join(chain))
        self.key.write_bytes(issued.private_key_pem.bytes())
        return ssl.PEM_cert_to_DER_cert(chain[0].decode())

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options of `hatchway serve` for these files."""
        return "--tls-cert", str(self.certificate), "--tls-key", str(self.key)


class _Dialled(httpx.AsyncHTTPTransport):
    """Sends every request to one port of this machine, under the name in its URL."""

    def __init__(self, port: int, verify: ssl.SSLContext, source: str) -> None:
        super().__init__(verify=verify, trust_env=False, local_address=source)
        self._port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        request.url = request.url.copy_with(host=ADDRESS, port=self._port)
        return await super().handle_async_request(request)


class Visitor:
    """Opens https and wss URLs: each name leads to `port` of this machine, and must be in the certificate found there.

    Follows no redirects. A context manager.

    Args:
        ca: whose certificates are trusted.
        port: where every name leads to.
        source: the address of this machine that the visitor comes from.
    """

    def __init__(self, ca: trustme.CA, port: int, source: str = ADDRESS) -> None:
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ca.configure_trust(self.tls)
        self._port = port
        self._source = source
        self.http = httpx.AsyncClient(transport=_Dialled(port, self.tls, source), trust_env=False, timeout=30)

    async def socket(self, url: str, **options: Any) -> ClientConnection:
        """A WebSocket, open, to an https URL."""
        return await connect(
            url.replace("https:", "wss:", 1),
            host=ADDRESS,
            port=self._port,
            local_addr=(self._source, 0),
            ssl=self.tls,
            proxy=None,
            open_timeout=30,
            **options,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
