"""A client of an https URL: which certificates it trusts, and what it says when there is no TLS to be had."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hatchway.client import AsyncClient
from hatchway.errors import ConnectionFailed, InvalidRequest


async def test_a_server_without_tls() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with AsyncClient(f"https://127.0.0.1:{port}") as client:
            with pytest.raises(ConnectionFailed) as caught:
                await client.vm.get_or_create("a").exists("/x")
    assert caught.value.code == "tls_failed"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_certificates_that_cannot_be_read(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(InvalidRequest) as caught:
        AsyncClient("https://localhost:1")
    assert caught.value.code == "invalid_certificates"
    assert "SSL_CERT_FILE" in caught.value.hint
    async with AsyncClient("http://localhost:1"):
        pass  # plain HTTP needs none
