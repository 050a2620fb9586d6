from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from client.stub_server import VM, VM_ID, StubServer, answer, cut, half, never, refusal
from hatchway.client import Agent, AsyncClient
from hatchway.errors import ConnectionFailed, InvalidRequest, NotFound, Unavailable

GONE = refusal("404 Not Found", "vm_not_found", Hatchway_Error="vm_not_found")


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_where_a_request_goes_and_what_it_carries(agent: Agent, server: StubServer) -> None:
    server.on("POST", f"{VM}/ports/3000/a%20b", answer(b"done", "201 Created", Set_Cookie="a=1"))
    async with agent.http(3000, headers={"X-Own": "x"}) as http:
        said = await http.post("/a b?c=%2F#d", content=b"body", headers={"Authorization": "Bearer theirs"})
    assert (said.status_code, said.reason_phrase, said.text) == (201, "Created", "done")
    assert said.cookies["a"] == "1"
    (request,) = server.to("POST", f"{VM}/ports/3000/a%20b")
    assert request.target.endswith("?c=%2F")
    assert request.body == b"body"
    assert request.values("x-own") == ["x"]
    assert request.values("authorization") == ["Bearer theirs"]
    assert request.values("content-length") == ["4"]
    assert request.values("host") == [httpx.URL(server.url).netloc.decode()]


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
async def test_a_url_may_name_a_port_of_the_vm(agent: Agent, server: StubServer, host: str) -> None:
    server.on("GET", f"{VM}/ports/8080/x", answer(b"other"))
    async with agent.http(3000) as http:
        assert (await http.get(f"http://{host}/x")).text == "other"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "http://169.254.169.254/",
        "http://localhost.example.org:3000/",
        "http://localhost@example.org/",
        "ftp://localhost/",
        "http://10.0.0.1:3000/",
    ],
)
async def test_a_url_of_another_host_is_refused(agent: Agent, server: StubServer, url: str) -> None:
    async with agent.http(3000) as http:
        with pytest.raises(InvalidRequest) as caught:
            await http.get(url)
    assert caught.value.code == "not_in_vm"
    assert server.received == []


async def test_bodies_are_streamed(agent: Agent, server: StubServer) -> None:
    server.on("PUT", f"{VM}/ports/1/", answer(b"some bytes"))
    async with agent.http(1) as http:
        request = http.build_request("PUT", "/", content=pieces(b"one", b"two"))
        said = await http.send(request, stream=True)
        assert b"".join([piece async for piece in said.aiter_bytes()]) == b"some bytes"
        await said.aclose()
    (received,) = server.to("PUT", f"{VM}/ports/1/")
    assert received.values("transfer-encoding") == ["chunked"]
    assert received.body == b"onetwo"


async def test_headers_may_hold_any_text_and_be_repeated(agent: Agent, server: StubServer) -> None:
    server.on("GET", f"{VM}/ports/1/", answer(b""))
    async with agent.http(1, headers=[("X-A", "ü"), ("X-A", "文"), ("X-B", "plain")]) as http:
        await http.get("/")
    (request,) = server.to("GET", f"{VM}/ports/1/")
    # Read as Latin-1, as the stub reads heads: the first was sent as that, the second as UTF-8, as by vm_fetch.
    assert request.values("x-a") == ["ü", "文".encode().decode("latin-1")]
    assert request.values("x-b") == ["plain"]


@pytest.mark.parametrize("value", ["\ud800", "a\nb"])
async def test_headers_that_cannot_be_sent(agent: Agent, server: StubServer, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        agent.http(1, headers={"X-A": value})
    assert caught.value.code == "invalid_header"


async def test_a_refusal_by_hatchway_is_raised(agent: Agent, server: StubServer) -> None:
    refused = refusal("502 Bad Gateway", "port_closed", Hatchway_Error="port_closed", Retry_After="1")
    server.on("GET", f"{VM}/ports/1/", refused)
    async with agent.http(1) as http:
        with pytest.raises(Unavailable) as caught:
            await http.get("/")
    assert (caught.value.code, caught.value.retry_after) == ("port_closed", 1)


async def test_a_vm_that_is_gone_is_made_anew(agent: Agent, server: StubServer) -> None:
    server.on("POST", "/api/vms", answer({"id": VM_ID}), answer({"id": "second"}), answer({"id": "third"}))
    server.on("POST", f"{VM}/ports/1/", GONE)
    server.on("POST", "/api/vms/second/ports/1/", answer(b"again"), GONE)
    async with agent.http(1) as http:
        assert (await http.post("/", content=b"whole")).text == "again"
        with pytest.raises(NotFound):
            await http.post("/", content=pieces(b"streamed"))


async def test_trouble_on_the_way_is_told_as_hatchways(agent: Agent, server: StubServer) -> None:
    server.on("GET", f"{VM}/ports/1/cut", cut)
    server.on("GET", f"{VM}/ports/1/half", half)
    async with agent.http(1) as http:
        for path in ("/cut", "/half"):
            with pytest.raises(ConnectionFailed) as caught:
                await http.get(path)
            assert caught.value.code == "connection_lost"


async def test_time_outs_are_those_of_the_client_or_of_httpx(server: StubServer) -> None:
    server.on("GET", f"{VM}/ports/1/", never)
    async with AsyncClient(server.url, timeout=0.05) as client, client.vm.get_or_create("a").http(1) as http:
        with pytest.raises(ConnectionFailed) as caught:
            await http.get("/")
        assert caught.value.code == "timeout"
    async with AsyncClient(server.url) as client, client.vm.get_or_create("a").http(1) as http:
        with pytest.raises(ConnectionFailed) as caught:
            await http.get("/", timeout=0.05)
        assert caught.value.code == "timeout"


async def test_connections_are_those_of_the_client(agent: Agent, server: StubServer) -> None:
    server.on("GET", f"{VM}/ports/1/", answer(b"1"))
    for _ in range(3):
        async with agent.http(1) as http:
            await http.get("/")
            await http.get("/")
    assert server.connections == 1


@pytest.mark.parametrize("port", ["3000", True, None, 3.0])
async def test_a_port_must_be_a_number(agent: Agent, server: StubServer, port: int) -> None:
    for call in (agent.http, agent.websocket):
        with pytest.raises(InvalidRequest) as caught:
            call(port)
        assert caught.value.code == "invalid_port"
    assert server.received == []


async def test_a_websocket_that_is_refused_by_hatchway(agent: Agent, server: StubServer) -> None:
    refused = refusal("502 Bad Gateway", "port_closed", Hatchway_Error="port_closed")
    server.on("GET", f"{VM}/ports/1/chat", refused)
    with pytest.raises(Unavailable) as caught:
        await agent.websocket(
            1, "/chat?room=1", headers={"X-Own": "x", "Host": "evil"}, subprotocols=["a", "b"]
        )
    assert caught.value.code == "port_closed"
    (request,) = server.to("GET", f"{VM}/ports/1/chat")
    assert request.target.endswith("/chat?room=1")
    assert request.values("x-own") == ["x"]
    assert request.values("sec-websocket-protocol") == ["a, b"]
    assert request.values("host") == [httpx.URL(server.url).netloc.decode()]


async def test_a_websocket_in_trouble(agent: Agent, server: StubServer) -> None:
    server.on("GET", f"{VM}/ports/1/cut", cut)
    server.on("GET", f"{VM}/ports/1/no", answer(b"no", "404 Not Found"))
    server.on("GET", f"{VM}/ports/1/gone", GONE)
    server.on("GET", f"{VM}/ports/1/away", answer(b"", "302 Found", Location="/api/vms"))
    for path, code in (
        ("/cut", "connection_lost"),
        ("/no", "websocket_refused"),
        ("/away", "websocket_refused"),
        ("/gone", "vm_not_found"),
    ):
        with pytest.raises(Exception) as caught:
            await agent.websocket(1, path)
        assert getattr(caught.value, "code", caught.value) == code
    assert [one.method for one in server.received if one.target == "/api/vms"] == ["POST", "POST"]


async def test_a_websocket_of_a_silent_server(server: StubServer) -> None:
    server.on("GET", f"{VM}/ports/1/", never)
    async with AsyncClient(server.url, timeout=0.2) as client:
        with pytest.raises(ConnectionFailed) as caught:
            await client.vm.get_or_create("a").websocket(1)
    assert caught.value.code == "timeout"
