"""The listener's certificate: what is refused, what is negotiated, and renewal while it listens."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.conftest import running_rig, until
from gateway.zoo import Conversation
from hatchway.errors import InvalidRequest
from hatchway.gateway.limits import GatewayLimits
from hatchway.gateway.tls import ListenerTls

NAME = "preview.example.org"


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


class Files:
    """The two files of a listener, as an operator has them."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "cert.pem"
        self.key = folder / "key.pem"

    def write(self, issued: trustme.LeafCert) -> bytes:
        """Put a certificate and its key there; the certificate in DER form."""
        chain = [pem.bytes() for pem in issued.cert_chain_pems]
        self.certificate.write_bytes(b"".join(chain))
        self.key.write_bytes(issued.private_key_pem.bytes())
        return ssl.PEM_cert_to_DER_cert(chain[0].decode())


@pytest.fixture
def files(tmp_path: Path, ca: trustme.CA) -> Files:
    files = Files(tmp_path)
    files.write(ca.issue_cert(NAME))
    return files


def refusal(files: Files) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        ListenerTls(files.certificate, files.key)
    assert caught.value.__suppress_context__
    return caught.value


@pytest.mark.parametrize("which", ["certificate", "key"])
def test_a_file_that_is_not_there(files: Files, which: str) -> None:
    path: Path = getattr(files, which)
    path.unlink()
    error = refusal(files)
    assert error.code == "tls_file_unreadable"
    assert str(path) in error.message
    assert "No such file" in error.message
    path.mkdir()
    assert refusal(files).code == "tls_file_unreadable"


@pytest.mark.parametrize("key_type", list(trustme.KeyType))
def test_a_key_of_another_certificate(files: Files, ca: trustme.CA, key_type: trustme.KeyType) -> None:
    files.key.write_bytes(ca.issue_cert(NAME, key_type=key_type).private_key_pem.bytes())
    assert refusal(files).code == "tls_key_mismatch"


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_is_refused_without_asking(files: Files, form: PrivateFormat) -> None:
    key = load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"hunter2")))
    assert refusal(files).code == "tls_key_encrypted"


@pytest.mark.parametrize("which", ["certificate", "key"])
@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_pem(files: Files, which: str, content: bytes) -> None:
    getattr(files, which).write_bytes(content)
    assert refusal(files).code == "tls_file_invalid"


def test_the_two_files_interchanged(files: Files) -> None:
    files.certificate, files.key = files.key, files.certificate
    assert refusal(files).code == "tls_file_invalid"


def test_nothing_of_the_key_is_left_open(files: Files) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    ListenerTls(files.certificate, files.key)
    files.key.write_bytes(b"")
    refusal(files)
    assert sorted(os.listdir("/proc/self/fd")) == before


class Listener:
    """Greets whoever makes a handshake, then echoes."""

    def __init__(self, tls: ListenerTls) -> None:
        self.tls = tls

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls.context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()


@pytest.fixture
async def listener(files: Files) -> AsyncIterator[Listener]:
    running = Listener(ListenerTls(files.certificate, files.key))
    await running.start()
    yield running
    await running.stop()


class Visitor:
    """A client that has made its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        self.certificate = connection.getpeercert(binary_form=True)
        self.version = connection.version()
        self.alpn = connection.selected_alpn_protocol()

    async def echo(self, line: bytes) -> bytes:
        self._writer.write(line)
        return await self._reader.readline()

    async def leave(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def visit(
    listener: Listener,
    ca: trustme.CA,
    *,
    name: str = NAME,
    version: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
    alpn: tuple[str, ...] = (),
) -> Visitor:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(context)
    context.check_hostname = bool(name)
    context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(alpn)
    return Visitor(
        *await asyncio.open_connection("127.0.0.1", listener.port, ssl=context, server_hostname=name)
    )


@pytest.mark.parametrize(
    ("version", "shown"), [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]
)
@pytest.mark.parametrize("name", [NAME, ""])
async def test_a_handshake(
    listener: Listener, ca: trustme.CA, version: ssl.TLSVersion, shown: str, name: str
) -> None:
    visitor = await visit(listener, ca, version=version, name=name, alpn=("h2", "http/1.1"))
    assert (visitor.version, visitor.alpn) == (shown, "http/1.1")
    assert await visitor.echo(b"hello\n") == b"hello\n"
    await visitor.leave()


async def test_older_versions_are_refused(listener: Listener, ca: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(context)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", listener.port, ssl=context, server_hostname=NAME)


@pytest.mark.parametrize("key_type", list(trustme.KeyType))
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_renewed_certificate_is_for_new_connections(
    listener: Listener, files: Files, ca: trustme.CA, key_type: trustme.KeyType, version: ssl.TLSVersion
) -> None:
    early = await visit(listener, ca)
    renewed = files.write(ca.issue_cert(NAME, key_type=key_type))
    assert early.certificate != renewed
    listener.tls.renew()
    for name in (NAME, ""):
        late = await visit(listener, ca, version=version, name=name)
        assert late.certificate == renewed
        await late.leave()
    assert await early.echo(b"still here\n") == b"still here\n"
    await early.leave()


async def test_a_renewal_that_fails_changes_nothing(listener: Listener, files: Files, ca: trustme.CA) -> None:
    early = await visit(listener, ca)
    files.certificate.write_bytes(ca.issue_cert(NAME).cert_chain_pems[0].bytes())
    with pytest.raises(InvalidRequest) as caught:
        listener.tls.renew()
    assert caught.value.code == "tls_key_mismatch"
    late = await visit(listener, ca)
    assert late.certificate == early.certificate
    for visitor in (early, late):
        await visitor.leave()


@pytest.mark.parametrize("who", ["client", "service"])
async def test_the_end_of_one_direction_of_a_tunnel_is_the_end_of_both(
    files: Files, ca: trustme.CA, limits: GatewayLimits, who: str
) -> None:
    told, leave = asyncio.Event(), asyncio.Event()

    async def tunnels(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
        )
        if who == "service":
            await conversation.send(b"the last word")
            conversation.writer.write_eof()
        assert await conversation.rest() == b""
        told.set()
        await leave.wait()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(context)
    tls = ListenerTls(files.certificate, files.key)
    async with running_rig(limits, scheme="https", tls=tls.context) as rig, asyncio.timeout(10):
        await rig.upstream(tunnels)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", rig.port, ssl=context, server_hostname=NAME
        )
        writer.write(rig.request("GET / HTTP/1.1", "Connection: upgrade", "Upgrade: x"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        if who == "service":
            assert await reader.read() == b"the last word"
        writer.close()
        await told.wait()
        await until(lambda: not rig.gateway.tunnels)
        leave.set()
