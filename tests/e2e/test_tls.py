"""A listener that speaks TLS: what visitors get, how a certificate is renewed, what keeps a server from starting."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import trustme
from websockets.exceptions import ConnectionClosed

from e2e.bodies import stream_of_blocks
from e2e.chromium import CHROMIUM, MISSING, launch
from e2e.guest import start_service
from e2e.server_process import ServerProcess, run_command
from e2e.visitor import ADDRESS, CertificateFiles, Visitor
from e2e.visits import (
    a_websocket_echoes,
    an_event_arrives_before_the_stream_ends,
    large_bodies_are_whole,
    leaving_is_noticed,
    revocation_cuts,
)
from e2e.waiting import BOUND_SECONDS, wait_until
from hatchway import Agent, AsyncClient, Client, HatchwayError, Preview

pytestmark = pytest.mark.sandbox

DOMAIN = "preview.localhost"
NAMES = ("localhost", DOMAIN, f"*.{DOMAIN}")


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls_server(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The server that most of these tests share."""
    folder = tmp_path_factory.mktemp("tls-server")
    files = CertificateFiles(ca, folder, *NAMES)
    with ServerProcess(folder, "--preview-domain", DOMAIN, *files.arguments) as running:
        yield running
        assert b"Traceback" not in running.output


@pytest.fixture
async def visitor(ca: trustme.CA, tls_server: ServerProcess) -> AsyncIterator[Visitor]:
    async with Visitor(ca, tls_server.port) as made:
        yield made


@pytest.fixture
async def agent(
    ca: trustme.CA, tls_server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Agent]:
    """A VM with the zoo on port 3000."""
    trust(ca, tmp_path, monkeypatch)
    async with AsyncClient(tls_server.url) as client:
        agent = client.vm.get_or_create(["tls", tmp_path.name])
        await start_service(agent)
        yield agent
        await agent.destroy()


@pytest.fixture
async def preview(agent: Agent) -> Preview:
    return await agent.create_signed_preview_url(3000)


def trust(ca: trustme.CA, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have clients trust `ca`, as an operator would."""
    path = folder / "ca.pem"
    ca.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


async def test_a_page_and_its_address(visitor: Visitor, tls_server: ServerProcess, preview: Preview) -> None:
    port = tls_server.port
    assert tls_server.url == f"https://localhost:{port}"
    assert preview.url == f"https://{preview.token}.{DOMAIN}:{port}/"
    for url in (preview.url, f"https://localhost:{port}{preview.path}/"):
        answer = await visitor.http.get(url)
        assert (answer.status_code, answer.text) == (200, "zoo")
    redirected = await visitor.http.get(f"{preview.url}redirect?to=http://localhost:3000/echo")
    assert redirected.headers["location"] == f"{preview.url}echo"


async def test_the_service_is_told_of_tls(
    visitor: Visitor, tls_server: ServerProcess, preview: Preview
) -> None:
    origin = preview.url.rstrip("/")
    echoed = (await visitor.http.get(f"{preview.url}echo", headers={"Origin": origin})).json()["rawHeaders"]
    headers = httpx.Headers(list(zip(echoed[::2], echoed[1::2], strict=True)))
    assert headers["host"] == "localhost:3000"
    assert headers["origin"] == "http://localhost:3000"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-port"] == str(tls_server.port)
    assert headers["forwarded"] == "for=127.0.0.1;proto=https"
    assert preview.token not in str(echoed)


async def test_large_bodies_are_whole(visitor: Visitor, preview: Preview) -> None:
    await large_bodies_are_whole(visitor, preview)


async def test_an_event_arrives_before_the_stream_ends(
    visitor: Visitor, agent: Agent, preview: Preview
) -> None:
    await an_event_arrives_before_the_stream_ends(visitor, agent, preview)


async def test_a_visitor_who_leaves_is_noticed(visitor: Visitor, agent: Agent, preview: Preview) -> None:
    await leaving_is_noticed(visitor, agent, preview)


async def test_a_websocket_echoes(visitor: Visitor, preview: Preview) -> None:
    await a_websocket_echoes(visitor, preview)


async def test_revocation_cuts_what_is_open(visitor: Visitor, agent: Agent, preview: Preview) -> None:
    await revocation_cuts(visitor, agent, preview)


async def test_who_is_refused_in_an_upload_gets_to_read_why(
    visitor: Visitor, agent: Agent, preview: Preview
) -> None:
    await agent.expire_signed_preview_url(preview.token)
    for _ in range(5):
        refused = await visitor.http.put(f"{preview.url}hash", content=stream_of_blocks(4 << 20))
        assert (refused.status_code, refused.json()["code"]) == (403, "preview_not_found")


async def until_its_end(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side closes the connection, in whatever way."""
    said = b""
    async with asyncio.timeout(BOUND_SECONDS):
        try:
            while piece := await reader.read(4096):
                said += piece
        except ConnectionError:
            pass
    return said


async def test_plain_http_is_disconnected(
    visitor: Visitor, tls_server: ServerProcess, preview: Preview
) -> None:
    reader, writer = await asyncio.open_connection(ADDRESS, tls_server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"HTTP/" not in await until_its_end(reader)
    writer.close()
    assert (await visitor.http.get(preview.url)).text == "zoo"


async def test_a_handshake_that_never_comes_ends(ca: trustme.CA, tmp_path: Path) -> None:
    files = CertificateFiles(ca, tmp_path, *NAMES)
    with ServerProcess(tmp_path, *files.arguments, "--limit", "head_seconds=0.2") as server:
        reader, writer = await asyncio.open_connection(ADDRESS, server.port)
        assert await until_its_end(reader) == b""
        writer.close()


async def test_a_renewed_certificate(ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = CertificateFiles(ca, tmp_path, *NAMES)
    trust(ca, tmp_path, monkeypatch)
    with ServerProcess(tmp_path, "--preview-domain", DOMAIN, *files.arguments) as server:
        async with AsyncClient(server.url) as client, Visitor(ca, server.port) as visitor:
            agent = client.vm.get_or_create("renewed")
            await start_service(agent)
            preview = await agent.create_signed_preview_url(3000)
            socket = await visitor.socket(f"{preview.url}socket")
            renewed = files.issue()
            assert await certificate_of(visitor, server) != renewed
            os.kill(server.pid, signal.SIGHUP)
            wait_until(lambda: b"the certificate was read anew" in server.output, "it was read anew")
            assert await certificate_of(visitor, server) == renewed
            # What cannot be used changes nothing.
            files.key.write_bytes(b"")
            os.kill(server.pid, signal.SIGHUP)
            wait_until(lambda: b"the certificate in use is kept" in server.output, "it was refused")
            assert await certificate_of(visitor, server) == renewed
            await socket.send("from before")
            assert await socket.recv() == "from before"
            await socket.close()
        assert server.terminate() == 0
        assert b"PRIVATE KEY" not in server.output
        assert b"Traceback" not in server.output


async def certificate_of(visitor: Visitor, server: ServerProcess) -> bytes | None:
    """The certificate that a new connection gets."""
    _reader, writer = await asyncio.open_connection(
        ADDRESS, server.port, ssl=visitor.tls, server_hostname="localhost"
    )
    found: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    return found.getpeercert(binary_form=True)


async def test_a_server_stops_with_visitors(
    ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = CertificateFiles(ca, tmp_path, *NAMES)
    trust(ca, tmp_path, monkeypatch)
    with ServerProcess(tmp_path, "--preview-domain", DOMAIN, *files.arguments) as server:
        async with AsyncClient(server.url) as client, Visitor(ca, server.port) as visitor:
            agent = client.vm.get_or_create("stopped")
            await start_service(agent)
            preview = await agent.create_signed_preview_url(3000)
            socket = await visitor.socket(f"{preview.url}socket")
            async with visitor.http.stream("GET", f"{preview.url}events") as answer:
                assert await anext(answer.aiter_raw()) == b"data: first\n\n"
                assert await asyncio.to_thread(server.terminate) == 0
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), BOUND_SECONDS)
            assert socket.close_code == 1001
        assert re.search(rb"Traceback|WARNING|ERROR", server.output) is None


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        (None, "key", "tls_key is given without tls_cert"),
        ("certificate", None, "tls_cert is given without tls_key"),
        ("none.pem", "key", "none.pem cannot be read: No such file or directory"),
        ("certificate", "none.pem", "none.pem cannot be read: No such file or directory"),
        ("certificate", "other", "is not that of the first certificate"),
        ("key", "certificate", "are not a certificate and a private key that can be used"),
        ("certificate", "nonsense", "are not a certificate and a private key that can be used"),
    ],
)
def test_files_that_cannot_be_used_are_told(
    ca: trustme.CA, tmp_path: Path, certificate: str | None, key: str | None, words: str
) -> None:
    files = CertificateFiles(ca, tmp_path, *NAMES)
    (tmp_path / "other").mkdir()
    (tmp_path / "nonsense").write_text("nonsense")
    paths = {
        "certificate": files.certificate,
        "key": files.key,
        "other": CertificateFiles(ca, tmp_path / "other", *NAMES).key,
        "nonsense": tmp_path / "nonsense",
        "none.pem": tmp_path / "none.pem",
    }
    given: list[str] = []
    for option, name in (("--tls-cert", certificate), ("--tls-key", key)):
        if name is not None:
            given += [option, str(paths[name])]
    data = tmp_path / "data"
    ran = run_command("serve", "--port", "0", "--data-dir", str(data), *given)
    said = ran.stderr.decode()
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert said.startswith("error: ")
    assert words in said
    assert "hint: " in said
    assert "Traceback" not in said
    assert not data.exists()


async def test_clients_trust_what_they_are_told_to(
    ca: trustme.CA, tls_server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failure(url: str) -> HatchwayError:
        async with AsyncClient(url) as client:
            with pytest.raises(HatchwayError) as caught:
                await client.vm.get_or_create("trust").exists("/tmp")
        return caught.value

    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert (await failure(tls_server.url)).code == "certificate_not_trusted"
    trust(ca, tmp_path, monkeypatch)
    async with AsyncClient(tls_server.url) as client:
        assert await client.vm.get_or_create("trust").exists("/tmp")
    # The certificate names no address.
    other_name = await failure(f"https://{ADDRESS}:{tls_server.port}")
    assert other_name.code == "certificate_not_trusted"
    assert ADDRESS in other_name.message


async def test_both_clients_reach_services_over_tls(agent: Agent, tls_server: ServerProcess) -> None:
    async with agent.http(3000) as http:
        assert (await http.get("/")).text == "zoo"
    async with agent.websocket(3000) as socket:
        await socket.send("over TLS")
        assert await socket.recv() == "over TLS"

    def synchronously() -> None:
        with Client(tls_server.url) as client:
            twin = client.vm.get_or_create(agent.key)
            assert twin.http(3000).get("/").text == "zoo"
            with twin.websocket(3000) as socket:
                socket.send("over TLS")
                assert socket.recv() == "over TLS"

    await asyncio.to_thread(synchronously)


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=MISSING)
async def test_a_browser(preview: Preview) -> None:
    async with launch() as browser:
        page = await browser.new_page(ignore_https_errors=True)
        opened = await page.goto(preview.url)
        assert opened is not None
        assert opened.status == 200
        assert await page.evaluate("isSecureContext") is True
        # A Secure cookie is kept and sent.
        await page.evaluate("document.cookie = '__Host-own=1; path=/; Secure; SameSite=Strict'")
        raw = (await page.evaluate("fetch('/echo').then((answer) => answer.json())"))["rawHeaders"]
        headers = httpx.Headers(list(zip(raw[::2], raw[1::2], strict=True)))
        assert headers["cookie"] == "__Host-own=1"
        said = await page.evaluate(
            """() => new Promise((resolve, reject) => {
                const socket = new WebSocket("wss://" + location.host + "/socket");
                socket.onopen = () => socket.send("over TLS");
                socket.onmessage = (event) => resolve(event.data);
                socket.onerror = () => reject(new Error("no socket"));
            })"""
        )
        assert said == "over TLS"
