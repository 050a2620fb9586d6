"""The API on real sockets: what only an HTTP server between shows."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from hatchway.vm.records import Exit, Output


@pytest.fixture
async def port(app: Starlette) -> AsyncIterator[int]:
    server = uvicorn.Server(
        uvicorn.Config(app, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.ensure_future(server._serve([listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


async def send(port: int, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    return reader, writer


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def test_a_file_there_and_back(port: int, vm: str) -> None:
    content = bytes(range(256)) * 4096
    reader, writer = await send(
        port,
        f"PUT {vm}/files?path=%FF.bin HTTP/1.1\r\nHost: a\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        + content
        + f"GET {vm}/files?path=%FF.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode(),
    )
    answers = await reader.read()
    await close(writer)
    assert answers.startswith(b"HTTP/1.1 200")
    assert answers.endswith(b"\r\n\r\n" + content)


@pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
async def test_an_upload_that_breaks_off_writes_nothing(
    port: int, services: Any, vm: str, framing: str
) -> None:
    writing = asyncio.Event()
    ended = asyncio.Event()
    write_file = services.write_file

    async def watch(
        vm_id: str, path: bytes, chunks: AsyncIterator[bytes], mode: int | None, *, parents: bool
    ) -> int:
        writing.set()
        try:
            return int(await write_file(vm_id, path, chunks, mode, parents=parents))
        finally:
            ended.set()

    services.write_file = watch
    _, writer = await send(
        port, f"PUT {vm}/files?path=x HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n4\r\nhalf\r\n".encode()
    )
    await writing.wait()
    await close(writer)
    await ended.wait()
    assert services.files == {}


async def test_a_file_that_shrinks_cuts_the_connection(
    port: int, services: Any, vm: str, caplog: pytest.LogCaptureFixture
) -> None:
    services.files[vm.rpartition("/")[2], b"/home/user/x"] = b"0123456789"
    services.size_error = 5
    reader, writer = await send(port, f"GET {vm}/files?path=x HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    answer = await reader.read()
    await close(writer)
    assert b"content-length: 15" in answer.lower()
    assert answer.endswith(b"0123456789"), "shorter than it said, so that no client takes it for whole"


async def test_output_streams_and_a_client_that_leaves_ends_the_command(
    port: int, services: Any, vm: str
) -> None:
    services.script = [Output("stdout", b"now"), asyncio.Event(), Exit(0, None)]
    body = b'{"command":"x"}'
    reader, writer = await send(
        port,
        f"POST {vm}/exec HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        f"Accept: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body,
    )
    await reader.readuntil(b'{"stream":"stdout","data":"bm93"}\n')
    assert not services.left.is_set()
    await close(writer)
    await services.left.wait()
