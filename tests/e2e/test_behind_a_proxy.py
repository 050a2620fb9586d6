"""Behind nginx and Caddy, configured as docs/deploy.md says: what visitors and services see of each other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
import trustme

from e2e.chromium import CHROMIUM, MISSING, launch
from e2e.guest import start_script, start_service
from e2e.proxies import DOMAIN, ReverseProxy, is_installed
from e2e.server_process import ServerProcess
from e2e.visitor import CertificateFiles, Visitor
from e2e.visits import (
    a_websocket_echoes,
    an_event_arrives_before_the_stream_ends,
    large_bodies_are_whole,
    leaving_is_noticed,
    revocation_cuts,
)
from e2e.waiting import eventually
from hatchway import Agent, AsyncClient, Preview

pytestmark = pytest.mark.sandbox

API_TOKEN = "api-token-of-the-test"
PUBLIC = f"https://{DOMAIN}"
SOURCE = "127.0.0.7"
"""Where visitors come from; the proxy connects from 127.0.0.1."""

FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Port": "666",
    "X-Real-IP": "6.6.6.6",
    "Forwarded": "for=6.6.6.6;proto=gopher",
}


@dataclass(frozen=True)
class Site:
    """A server, and the proxy in front of it."""

    kind: str
    server: ServerProcess
    proxy: ReverseProxy
    ca: trustme.CA

    def visitor(self) -> Visitor:
        return Visitor(self.ca, self.proxy.https_port, SOURCE)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(kind, marks=pytest.mark.skipif(not is_installed(kind), reason=f"there is no {kind}"))
        for kind in ("nginx", "caddy")
    ],
)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    kind: str = request.param
    folder = tmp_path_factory.mktemp(f"behind-{kind}")
    ca = trustme.CA()
    files = CertificateFiles(ca, folder, DOMAIN, f"*.{DOMAIN}")
    options = ("--preview-domain", DOMAIN, "--public-url", PUBLIC, "--trusted-proxy", "127.0.0.1")
    with (
        ServerProcess(folder, *options, environment={"HATCHWAY_TOKEN": API_TOKEN}) as server,
        ReverseProxy(kind, folder, files, server.port) as proxy,
    ):
        yield Site(kind, server, proxy, ca)


@pytest.fixture
async def visitor(site: Site) -> AsyncIterator[Visitor]:
    async with site.visitor() as made:
        yield made


@pytest.fixture
async def agent(site: Site, request: pytest.FixtureRequest) -> AsyncIterator[Agent]:
    """A VM with the zoo on port 3000."""
    async with AsyncClient(site.server.url, token=API_TOKEN) as client:
        agent = client.vm.get_or_create(["proxied", request.node.name[:100]])
        await start_service(agent)
        yield agent
        await agent.destroy()


@pytest.fixture
async def preview(agent: Agent) -> Preview:
    return await agent.create_signed_preview_url(3000)


def headers_of(raw: list[str]) -> httpx.Headers:
    """What a service saw, from node's list of names and values."""
    return httpx.Headers(list(zip(raw[::2], raw[1::2], strict=True)))


async def test_a_page_and_its_address(visitor: Visitor, preview: Preview) -> None:
    assert preview.url == f"https://{preview.token}.{DOMAIN}/"
    for url in (preview.url, f"{PUBLIC}{preview.path}/"):
        answer = await visitor.http.get(url)
        assert (answer.status_code, answer.text) == (200, "zoo")
    redirected = await visitor.http.get(f"{preview.url}redirect?to=http://localhost:3000/echo")
    assert redirected.headers["location"] == f"{preview.url}echo"


async def test_a_browser_that_opens_a_path_address_is_sent_to_the_host_address(
    visitor: Visitor, preview: Preview
) -> None:
    navigation = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}
    moved = await visitor.http.get(f"{PUBLIC}{preview.path}/page?a=b", headers=navigation)
    assert moved.is_redirect
    assert moved.headers["location"] == f"{preview.url}page?a=b"


async def test_plain_http_is_sent_to_https(site: Site, preview: Preview, http: httpx.AsyncClient) -> None:
    answer = await http.get(
        f"http://127.0.0.1:{site.proxy.http_port}/page?a=b", headers={"Host": f"{preview.token}.{DOMAIN}"}
    )
    assert answer.status_code == 308
    location = httpx.URL(answer.headers["location"])
    assert (location.scheme, location.host, location.raw_path) == (
        "https",
        f"{preview.token}.{DOMAIN}",
        b"/page?a=b",
    )


@pytest.mark.parametrize("claimed", [{}, FORGED], ids=["honest", "forged"])
async def test_the_service_is_told_of_the_visitor(
    site: Site, visitor: Visitor, preview: Preview, claimed: dict[str, str]
) -> None:
    echoed = (await visitor.http.get(f"{preview.url}echo", headers=claimed)).json()["rawHeaders"]
    socket = await visitor.socket(f"{preview.url}socket", additional_headers=claimed)
    await socket.send("headers")
    upgraded = json.loads(await socket.recv())
    await socket.close()
    port = {"nginx": str(site.proxy.https_port), "caddy": "443"}[site.kind]
    for raw in (echoed, upgraded):
        headers = headers_of(raw)
        assert headers["host"] == "localhost:3000"
        assert headers.get_list("x-forwarded-for") == [f"{SOURCE}, 127.0.0.1"]
        assert headers.get_list("x-forwarded-proto") == ["https"]
        assert headers.get_list("x-forwarded-port") == [port]
        assert headers.get_list("forwarded") == [f"for={SOURCE};proto=https, for=127.0.0.1"]
        for lie in ("6.6.6.6", "gopher", "666"):
            assert lie not in str(raw)
        assert preview.token not in str(raw)


async def test_who_passes_the_proxy_by_is_not_believed(
    site: Site, preview: Preview, http: httpx.AsyncClient
) -> None:
    transport = httpx.AsyncHTTPTransport(local_address=SOURCE)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as direct:
        answer = await direct.get(
            f"http://127.0.0.1:{site.server.port}/echo",
            headers=FORGED | {"Host": f"{preview.token}.{DOMAIN}"},
        )
    headers = headers_of(answer.json()["rawHeaders"])
    assert headers["x-forwarded-for"] == SOURCE
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-port"] == "443"
    assert headers["forwarded"] == f"for={SOURCE};proto=https"


async def test_large_bodies_are_whole(visitor: Visitor, preview: Preview) -> None:
    await large_bodies_are_whole(visitor, preview)


RECEIVED = """
let received = 0;
require("http").createServer((request, response) => {
  if (request.url === "/received") return response.end(String(received));
  request.on("data", (piece) => { received += piece.length; });
  request.on("end", () => response.end("done"));
}).listen(3001);
"""


async def test_an_upload_arrives_as_it_is_sent(visitor: Visitor, agent: Agent) -> None:
    await start_script(agent, RECEIVED, 3001)
    preview = await agent.create_signed_preview_url(3001)

    async def received(size: int) -> bool:
        return int((await agent.vm_fetch(3001, "/received")).text) == size

    async def pieces() -> AsyncIterator[bytes]:
        for number in (1, 2, 3):
            yield b"piece"
            await eventually(lambda: received(5 * number), f"piece {number} arrives")  # noqa: B023

    answer = await visitor.http.post(preview.url, content=pieces())
    assert answer.text == "done"


DRIBBLE = """
let answer;
require("http").createServer((request, response) => {
  if (request.url === "/more") { answer.write("second"); answer.end(); return response.end(); }
  if (request.url !== "/dribble") return response.end();
  answer = response;
  response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": 11 });
  response.write("first");
}).listen(3001);
"""


async def test_an_answer_of_known_length_arrives_as_it_is_sent(visitor: Visitor, agent: Agent) -> None:
    await start_script(agent, DRIBBLE, 3001)
    preview = await agent.create_signed_preview_url(3001)
    async with visitor.http.stream("GET", f"{preview.url}dribble") as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"first"
        await agent.vm_fetch(3001, "/more")
        assert await anext(pieces) == b"second"


async def test_an_event_arrives_before_the_stream_ends(
    visitor: Visitor, agent: Agent, preview: Preview
) -> None:
    await an_event_arrives_before_the_stream_ends(visitor, agent, preview)


async def test_a_visitor_who_leaves_is_noticed(visitor: Visitor, agent: Agent, preview: Preview) -> None:
    await leaving_is_noticed(visitor, agent, preview)


async def test_a_websocket_echoes(visitor: Visitor, preview: Preview) -> None:
    await a_websocket_echoes(visitor, preview)


async def test_revocation_cuts_what_is_open(
    site: Site, visitor: Visitor, agent: Agent, preview: Preview
) -> None:
    # Caddy 2.6 ends an answer without a length in order, although its upstream has broken off.
    ends = (StopAsyncIteration,) if site.kind == "caddy" else ()
    await revocation_cuts(visitor, agent, preview, ends=ends)


async def test_the_control_api_asks_for_its_token(visitor: Visitor) -> None:
    url = f"{PUBLIC}/api/vms"
    refused = await visitor.http.get(url)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    # nginx passes on whatever name a visitor writes, that of this machine too; Caddy says nothing to it.
    for name in ("localhost", "127.0.0.1"):
        local = await visitor.http.get(url, headers={"Host": name})
        assert local.status_code == 401 or local.content == b""
    token = {"Hatchway-Token": API_TOKEN}
    assert (await visitor.http.get(url, headers=token)).status_code == 200
    page = token | {"Origin": PUBLIC, "Sec-Fetch-Site": "same-origin"}
    assert (await visitor.http.get(url, headers=page)).status_code == 200
    page = token | {"Origin": f"https://{'a' * 32}.{DOMAIN}", "Sec-Fetch-Site": "same-site"}
    assert (await visitor.http.get(url, headers=page)).status_code == 403


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=MISSING)
async def test_a_browser(site: Site, preview: Preview) -> None:
    names = f"MAP {DOMAIN} 127.0.0.1:{site.proxy.https_port},MAP *.{DOMAIN} 127.0.0.1:{site.proxy.https_port}"
    async with launch(f"--host-resolver-rules={names}") as browser:
        page = await browser.new_page(ignore_https_errors=True)
        opened = await page.goto(f"{PUBLIC}{preview.path}/")
        assert opened is not None
        assert (opened.status, opened.url) == (200, preview.url)
        protocol = await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
        assert protocol == "h2"
        said = await page.evaluate(
            """() => new Promise((resolve, reject) => {
                const socket = new WebSocket("wss://" + location.host + "/socket");
                socket.onopen = () => socket.send("through the proxy");
                socket.onmessage = (event) => resolve(event.data);
                socket.onerror = () => reject(new Error("no socket"));
            })"""
        )
        assert said == "through the proxy"
