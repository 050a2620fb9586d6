from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from client.stub_server import VMS, StubServer, answer, cut, half, never, refusal
from hatchway.client import Agent, AsyncClient
from hatchway.errors import AccessDenied, ConnectionFailed, HatchwayError, InvalidRequest


async def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound but not listening: nobody else gets the port, and nobody answers
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        async with AsyncClient(url) as client:
            with pytest.raises(ConnectionFailed) as caught:
                await client.vm.get_or_create("a").exists("/x")
    assert caught.value.code == "server_unreachable"
    assert url in caught.value.message
    assert caught.value.hint == "start one with: hatchway serve"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_connection_that_breaks_before_the_answer(agent: Agent, server: StubServer) -> None:
    server.on(*VMS, cut)
    with pytest.raises(ConnectionFailed) as caught:
        await agent.exists("/x")
    assert caught.value.code == "connection_lost"


async def test_a_connection_that_breaks_in_the_middle_of_the_answer(agent: Agent, server: StubServer) -> None:
    server.on("GET", "/api/vms/vm00000000000000001a/files", half)
    with pytest.raises(ConnectionFailed) as caught:
        await agent.read_file("/x")
    assert caught.value.code == "connection_lost"


async def test_what_is_no_http(agent: Agent, server: StubServer) -> None:
    server.on(*VMS, b"220 ready\r\n\r\n")
    with pytest.raises(ConnectionFailed) as caught:
        await agent.exists("/x")
    assert caught.value.code == "connection_lost"


async def test_an_answer_nested_without_end(agent: Agent, server: StubServer) -> None:
    nested = b'{"id":' + b"[" * 100_000
    for status in ("200 OK", "503 Service Unavailable"):
        server.on(*VMS, answer(nested, status))
        with pytest.raises(HatchwayError) as caught:
            await agent.exists("/x")
        assert caught.value.code == "unexpected_answer"


async def test_no_progress_in_time(server: StubServer) -> None:
    server.on(*VMS, never)
    async with AsyncClient(server.url, timeout=0.05) as client:
        with pytest.raises(ConnectionFailed) as caught:
            await client.vm.get_or_create("a").exists("/x")
    assert caught.value.code == "timeout"


@pytest.mark.parametrize(
    "answered",
    [
        answer(b"<p>hello</p>", "200 OK"),
        answer(b"", "204 No Content"),
        answer({"no": "id"}),
        answer({"id": 5}),
        answer(b"\xff"),
        answer(b"", "302 Found", Location="http://[::bad/"),
        answer(b"not found", "404 Not Found"),
    ],
)
async def test_some_other_server(agent: Agent, server: StubServer, answered: bytes) -> None:
    server.on(*VMS, answered)
    with pytest.raises(HatchwayError) as caught:
        await agent.exists("/x")
    assert caught.value.code == "unexpected_answer"
    assert len(server.received) == 1


async def test_a_refusal_is_told_as_the_server_said_it(agent: Agent, server: StubServer) -> None:
    server.on(*VMS, refusal("401 Unauthorized", "unauthorized", "set HATCHWAY_TOKEN"))
    with pytest.raises(AccessDenied) as caught:
        await agent.exists("/x")
    error = caught.value
    assert (error.code, error.message, error.hint, error.status) == (
        "unauthorized",
        "about unauthorized",
        "set HATCHWAY_TOKEN",
        401,
    )


async def test_proxies_of_the_environment_do_not_apply(
    server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.on("GET", "/api/vms/vm00000000000000001a/files", answer(b"content"))
    async with AsyncClient(server.url) as client:
        assert await client.vm.get_or_create("a").read_file("/x") == b"content"


async def test_connections_are_kept(agent: Agent, server: StubServer) -> None:
    server.on("GET", "/api/vms/vm00000000000000001a/files", answer(b"content"))
    for _ in range(3):
        await agent.read_file("/x")
    assert server.connections == 1


async def test_a_control_request_byte_by_byte(server: StubServer) -> None:
    async with AsyncClient(server.url, token="t") as client:
        agent = client.vm.get_or_create(["my-agent", "ü"])
        with pytest.raises(HatchwayError):
            await agent.exists("/x")
    first = server.received[0]
    host = httpx.URL(server.url).netloc.decode()
    assert (first.method, first.target) == ("POST", "/api/vms")
    assert first.body == '{"name":"vm","key":["my-agent","ü"]}'.encode()
    assert sorted(name.lower() for name, _ in first.headers) == [
        "accept",
        "content-length",
        "content-type",
        "hatchway-token",
        "host",
        "user-agent",
    ]
    assert first.values("host") == [host]
    assert first.values("content-type") == first.values("accept") == ["application/json"]


async def test_an_error_of_the_callers_stream_is_the_callers(agent: Agent, server: StubServer) -> None:
    class OwnError(Exception):
        pass

    for error in (OwnError(), httpx.ReadError("another connection broke"), TimeoutError()):

        async def chunks(error: Exception = error) -> AsyncIterator[bytes]:
            yield b"some"
            raise error

        with pytest.raises(type(error)) as caught:
            await agent.write_file("/x", chunks())
        assert caught.value is error
        with pytest.raises(type(error)) as caught:
            await agent.vm_fetch(1, "/", method="POST", body=chunks())
        assert caught.value is error


async def test_what_a_stream_must_yield(agent: Agent) -> None:
    async def chunks() -> AsyncIterator[Any]:
        yield "text"

    with pytest.raises(InvalidRequest) as caught:
        await agent.write_file("/x", chunks())
    assert caught.value.code == "invalid_body"
