"""HTTP and WebSocket through a preview and through `vm_fetch`: what the service sends is what arrives."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
from collections.abc import Iterator

import httpx
import pytest
from websockets.asyncio.client import connect

from e2e.addresses import MODES, address
from e2e.bodies import LARGE, sha256_of_blocks, stream_of_blocks
from e2e.guest import start_script, start_service
from e2e.server_process import ServerProcess
from hatchway import Agent, AsyncClient, Preview

pytestmark = pytest.mark.sandbox

ZOO = ["e2e", "http-through"]

REDIRECTS = (
    ("/elsewhere?a=b#c", "{prefix}/elsewhere?a=b#c"),
    ("next", "next"),
    ("https://example.org/", "https://example.org/"),
    ("http://localhost:9999/", "http://localhost:9999/"),
)
"""What a service says, and what the client reads, where {prefix} is that of the path form."""


@pytest.fixture(scope="module")
def preview(server: ServerProcess) -> Iterator[Preview]:
    """A preview of a zoo on port 3000 of one VM, which these tests share: requests leave it as it was."""

    async def start() -> Preview:
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create(ZOO)
            await start_service(agent, 3000)
            return await agent.create_signed_preview_url(3000)

    async def end() -> None:
        async with AsyncClient(server.url) as client:
            await client.vm.get_or_create(ZOO).destroy()

    yield asyncio.run(start())
    asyncio.run(end())


@pytest.fixture
def zoo(client: AsyncClient, preview: Preview) -> Agent:
    """The VM of `preview`."""
    return client.vm.get_or_create(ZOO)


@pytest.mark.parametrize("mode", MODES)
async def test_an_event_arrives_before_the_stream_ends(
    zoo: Agent, preview: Preview, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    to = address(mode, server, preview, "/events")
    async with http.stream("GET", to.url, headers=to.headers) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        events = answer.aiter_raw()
        assert await anext(events) == b"data: first\n\n"
        # Only now is the service told to go on.
        await zoo.vm_fetch(3000, "/finish")
        assert [event async for event in events] == [b"data: last\n\n"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_large_download_is_whole(
    preview: Preview, server: ServerProcess, http: httpx.AsyncClient, mode: str, framing: str
) -> None:
    to = address(mode, server, preview, f"/bytes?n={LARGE}" + ("&length" if framing == "length" else ""))
    digest, size = hashlib.sha256(), 0
    async with http.stream("GET", to.url, headers=to.headers) as answer:
        assert ("content-length" in answer.headers) == (framing == "length")
        async for piece in answer.aiter_raw():
            digest.update(piece)
            size += len(piece)
    assert (size, digest.hexdigest()) == (LARGE, sha256_of_blocks(LARGE))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_large_upload_is_whole(
    preview: Preview, server: ServerProcess, http: httpx.AsyncClient, mode: str, framing: str
) -> None:
    to = address(mode, server, preview, "/hash")
    length = {"Content-Length": str(LARGE)} if framing == "length" else {}
    answer = await http.put(to.url, headers=to.headers | length, content=stream_of_blocks(LARGE))
    assert answer.json() == {"bytes": LARGE, "sha256": sha256_of_blocks(LARGE)}


async def test_large_bodies_through_vm_fetch(zoo: Agent) -> None:
    uploaded = await zoo.vm_fetch(3000, "/hash", method="PUT", body=stream_of_blocks(LARGE))
    assert uploaded.json() == {"bytes": LARGE, "sha256": sha256_of_blocks(LARGE)}
    downloaded = await zoo.vm_fetch(3000, f"/bytes?n={LARGE}")
    assert hashlib.sha256(downloaded.body).hexdigest() == sha256_of_blocks(LARGE)


@pytest.mark.parametrize("mode", MODES)
async def test_any_bytes_pass_in_both_directions(
    preview: Preview, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    body = bytes(range(256)) * 3
    to = address(mode, server, preview, "/echo")
    echoed = (await http.post(to.url, headers=to.headers, content=body)).json()
    assert base64.b64decode(echoed["body"]) == body


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_every_method_passes(
    preview: Preview, server: ServerProcess, http: httpx.AsyncClient, mode: str, method: str
) -> None:
    to = address(mode, server, preview, "/echo?x=%2F%20&y=é")
    echoed = (await http.request(method, to.url, headers=to.headers)).json()
    assert (echoed["method"], echoed["url"]) == (method, "/echo?x=%2F%20&y=%C3%A9")


@pytest.mark.parametrize("mode", MODES)
async def test_head_has_no_body(
    preview: Preview, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    to = address(mode, server, preview, "/gzip")
    head = await http.head(to.url, headers=to.headers)
    assert head.content == b""
    body_length = int(head.headers["content-length"])
    async with http.stream("GET", to.url, headers=to.headers) as answer:
        assert len(b"".join([piece async for piece in answer.aiter_raw()])) == body_length


@pytest.mark.parametrize("mode", MODES)
async def test_chunks_arrive_as_one_body(
    preview: Preview, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    to = address(mode, server, preview, "/chunked")
    assert (await http.get(to.url, headers=to.headers)).text == "one,two,three"


@pytest.mark.parametrize("mode", MODES)
async def test_gzip_is_not_touched(
    preview: Preview, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    to = address(mode, server, preview, "/gzip")
    async with http.stream("GET", to.url, headers=to.headers) as answer:
        body = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == b"compressed by the service"


async def test_gzip_is_not_touched_by_vm_fetch(zoo: Agent) -> None:
    fetched = await zoo.vm_fetch(3000, "/gzip")
    assert fetched.headers["content-encoding"] == "gzip"
    assert gzip.decompress(fetched.body) == b"compressed by the service"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("given", "expected"), REDIRECTS)
async def test_redirects_are_the_clients_to_follow(
    preview: Preview,
    server: ServerProcess,
    http: httpx.AsyncClient,
    mode: str,
    given: str,
    expected: str,
) -> None:
    to = address(mode, server, preview, "/redirect")
    answer = await http.get(to.url, params={"to": given}, headers=to.headers)
    location = expected.format(prefix=f"/fetch/{preview.token}" if mode == "path" else "")
    assert (answer.status_code, answer.headers["location"]) == (302, location)


async def test_a_redirect_to_the_services_own_address_leads_back_to_the_preview(
    preview: Preview, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    for mode in ("host", "path"):
        to = address(mode, server, preview, "/redirect?to=http://localhost:3000/echo")
        answer = await http.get(to.url, headers=to.headers)
        prefix = "" if mode == "host" else f"/fetch/{preview.token}"
        host = to.headers.get("Host", f"127.0.0.1:{server.port}")
        assert answer.headers["location"] == f"http://{host}{prefix}/echo"


@pytest.mark.parametrize("mode", MODES)
async def test_every_cookie_arrives(
    preview: Preview, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    to = address(mode, server, preview, "/cookies")
    answer = await http.get(to.url, headers=to.headers)
    root = f"/fetch/{preview.token}/" if mode == "path" else "/"
    assert answer.headers.get_list("set-cookie") == [f"a=1; Path={root}", "b=2; HttpOnly", "c=3; Max-Age=60"]


async def test_every_cookie_arrives_through_vm_fetch(zoo: Agent) -> None:
    fetched = await zoo.vm_fetch(3000, "/cookies")
    assert fetched.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2; HttpOnly", "c=3; Max-Age=60"]


@pytest.mark.parametrize(("code", "reason"), [(418, "I am a teapot"), (500, "Oops"), (204, "Nothing")])
async def test_status_and_reason_are_the_services(
    zoo: Agent, preview: Preview, server: ServerProcess, http: httpx.AsyncClient, code: int, reason: str
) -> None:
    to = address("host", server, preview, f"/status?code={code}&reason={reason}")
    answer = await http.get(to.url, headers=to.headers)
    assert (answer.status_code, answer.reason_phrase) == (code, reason)
    fetched = await zoo.vm_fetch(3000, f"/status?code={code}&reason={reason}")
    assert (fetched.status, fetched.status_text) == (code, reason)


@pytest.mark.parametrize("mode", MODES)
async def test_the_service_sees_a_local_request(
    preview: Preview, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    to = address(mode, server, preview, "/echo")
    own = {"Cookie": "a=1; b=2", "Authorization": "Bearer for-the-service", "X-Forwarded-For": "6.6.6.6"}
    echoed = (await http.get(to.url, headers=to.headers | own)).json()["rawHeaders"]
    headers = httpx.Headers(list(zip(echoed[::2], echoed[1::2], strict=True)))
    assert headers["host"] == "localhost:3000"
    assert headers["cookie"] == "a=1; b=2"
    assert headers["authorization"] == "Bearer for-the-service"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["forwarded"] == "for=127.0.0.1;proto=http"


@pytest.mark.parametrize("mode", MODES)
async def test_a_websocket_echoes(preview: Preview, server: ServerProcess, mode: str) -> None:
    to = address(mode, server, preview, "/socket?a=b")
    uri = to.url.replace("http:", "ws:")
    if mode == "host":
        uri = f"ws://{preview.token}.localhost:{server.port}/socket?a=b"
    extra = {name: value for name, value in to.headers.items() if name != "Host"}
    messages: list[str | bytes] = ["hello", b"\0\xff" * 100, "ü" * 1000, b"x" * 70_000, ""]
    async with connect(
        uri, host="127.0.0.1", port=server.port, additional_headers=extra, proxy=None
    ) as socket:
        for message in messages:
            await socket.send(message)
            assert await socket.recv() == message
        await asyncio.gather(*(socket.send(str(number)) for number in range(100)))
        assert [await socket.recv() for _ in range(100)] == [str(number) for number in range(100)]
        await (await socket.ping())
        await socket.send("headers")
        raw = json.loads(await socket.recv())
        headers = httpx.Headers(list(zip(raw[::2], raw[1::2], strict=True)))
        assert headers["host"] == "localhost:3000"
        assert preview.token not in str(raw)
    assert socket.close_code == 1000


async def test_an_origin_of_the_preview_becomes_the_services(preview: Preview, server: ServerProcess) -> None:
    uri = f"ws://{preview.token}.localhost:{server.port}/socket"
    own = {"Origin": preview.url.rstrip("/")}
    async with connect(uri, host="127.0.0.1", port=server.port, additional_headers=own, proxy=None) as socket:
        await socket.send("headers")
        raw = json.loads(await socket.recv())
    assert raw[raw.index("Origin") + 1] == "http://localhost:3000"


@pytest.mark.parametrize("mode", MODES)
async def test_a_service_on_ipv6_alone_is_found(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    await start_service(agent, 3000, name="six", host="::1")
    preview = await agent.create_signed_preview_url(3000)
    to = address(mode, server, preview)
    assert (await http.get(to.url, headers=to.headers)).text == "six"
    assert (await agent.vm_fetch(3000, "/")).text == "six"


@pytest.mark.parametrize("mode", MODES)
async def test_a_closed_port_is_told_to_programs_and_to_people(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient, mode: str
) -> None:
    preview = await agent.create_signed_preview_url(3456)
    to = address(mode, server, preview)
    answer = await http.get(to.url, headers=to.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "application/json")
    assert answer.headers["hatchway-error"] == "port_closed"
    problem = answer.json()
    assert problem.keys() == {"code", "message", "hint"}
    assert "3456" in problem["message"]
    assert "3456" in problem["hint"]
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = await http.get(to.url, headers=to.headers | browser)
    assert (page.status_code, page.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert "3456" in page.text
    assert "Try again" in page.text
    # The page's link then works.
    await start_script(agent, 'require("http").createServer((q, s) => s.end("now")).listen(3456)', port=3456)
    assert (await http.get(to.url, headers=to.headers | browser)).text == "now"


async def test_a_service_that_breaks_off_is_not_taken_for_whole(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    await start_script(
        agent,
        'require("net").createServer((s) => { s.once("data", () => s.end('
        '"HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nhalf")); s.on("error", () => {}) }).listen(3001);'
        'require("http").createServer((q, s) => s.end()).listen(3000)',
    )
    preview = await agent.create_signed_preview_url(3001)
    to = address("host", server, preview)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await http.get(to.url, headers=to.headers)


async def test_what_is_not_http_is_told_as_such(
    agent: Agent, server: ServerProcess, http: httpx.AsyncClient
) -> None:
    await start_script(
        agent,
        'require("net").createServer((s) => { s.on("error", () => {}); s.end("SSH-2.0-x\\r\\n") }).listen(3001);'
        'require("http").createServer((q, s) => s.end()).listen(3000)',
    )
    preview = await agent.create_signed_preview_url(3001)
    to = address("host", server, preview)
    answer = await http.get(to.url, headers=to.headers)
    assert answer.status_code == 502
    assert answer.json().keys() == {"code", "message", "hint"}
