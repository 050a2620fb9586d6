"""Previews, by the addresses that the npm client makes; and its API token, which must be in none that others see."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from e2e.chromium import CHROMIUM, MISSING, launch
from e2e.server_process import ServerProcess
from rivet import snippets
from rivet.client_process import NpmClient
from rivet.driver_process import ClientError
from rivet.npm_client import Installed

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(120)]

TOKEN = "the-api-token-of-this-test"

_APP = """
const seen = [];
require("http").createServer((request, response) => {
  seen.push([request.url, request.rawHeaders]);
  if (request.url === "/seen") return response.end(JSON.stringify(seen));
  if (request.url === "/asset.js") {
    response.setHeader("Content-Type", "text/javascript");
    return response.end("document.title = 'loaded ' + location.href");
  }
  if (request.url.startsWith("/echo")) return request.pipe(response);
  response.setHeader("Content-Type", "text/html");
  response.end("<h1>Hello</h1><script src=asset.js></script>");
}).listen(3000);
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that asks for its token."""
    folder = tmp_path_factory.mktemp("guarded-server")
    with ServerProcess(folder, environment={"HATCHWAY_TOKEN": TOKEN}) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip(MISSING)
    async with launch() as launched:
        yield launched


async def _serve(client: NpmClient, key: list[str]) -> str:
    """Start the app; the path of a preview of it."""
    await client.action(key, "writeFile", "/home/user/app.js", _APP)
    await client.action(key, "spawn", "node", ["/home/user/app.js"])
    await client.action(key, "vmFetch", 3000, "/")
    path: str = (await client.action(key, "createSignedPreviewUrl", 3000))["path"]
    return path


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_what_the_client_puts_together_opens_in_a_browser(
    npm_client: Installed,
    server: ServerProcess,
    guarded: ServerProcess,
    browser: Browser,
    key: list[str],
    token: str | None,
) -> None:
    of = server if token is None else guarded
    async with NpmClient(npm_client.folder, of.url, "bare", token) as client:
        path = await _serve(client, key)
        url = await client.gateway_url(key) + path
        assert token is None or token in url  # the client's own doing
        page = await browser.new_page()
        await page.goto(url)
        await page.wait_for_function("document.title.startsWith('loaded')")
        assert await page.locator("h1").inner_text() == "Hello"
        assert page.url.endswith(f"{path}/")
        assert token is None or token not in page.url
        assert token is None or token not in await page.evaluate("document.referrer + document.title")
        await page.close()
        seen = (await client.action(key, "vmFetch", 3000, "/seen"))["body"].decode()
        assert TOKEN not in seen
        assert "rvt-" not in seen


async def test_fetch_of_a_handle_reaches_a_preview(
    npm_client: Installed, guarded: ServerProcess, key: list[str]
) -> None:
    async with NpmClient(npm_client.folder, guarded.url, "cbor", TOKEN) as client:
        token = (await _serve(client, key)).rpartition("/")[2]
        answer = await client.fetch(key, f"/fetch/{token}/echo?q=1", method="POST", body=bytes(range(256)))
        assert (answer.status, answer.body) == (200, bytes(range(256)))
        assert (await client.fetch(key, f"/fetch/{token}/asset.js")).status == 200
        seen = (await client.action(key, "vmFetch", 3000, "/seen"))["body"].decode()
        assert "/echo?q=1" in seen
        assert TOKEN not in seen
        assert "rvt-" not in seen
        await client.action(key, "expireSignedPreviewUrl", token)
        assert (await client.fetch(key, f"/fetch/{token}/echo")).status == 403
        other = await client.fetch(key, "/elsewhere")
        assert other.status == 404
        assert b"not_a_preview" in other.body


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_without_the_token_nothing_is_done(
    npm_client: Installed, guarded: ServerProcess, key: list[str], token: str | None
) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        for path in (
            "/metadata",
            "/actors?name=vm",
            "/gateway/x/action/exec",
            "/gateway/x@wrong/action/exec",
        ):
            answer = await http.get(
                guarded.url + path, headers={} if token is None else {"x-rivet-token": token}
            )
            assert answer.status_code == 401


async def test_the_blocks_of_the_page_run_word_for_word(
    npm_client: Installed, own_server: ServerProcess
) -> None:
    async with NpmClient(npm_client.folder, own_server.url) as client:
        await client.action(["my-agent"], "writeFile", "/home/user/app.js", _APP.replace("3000", "4000"))
    said = {}
    for name in snippets.CLIENTS:
        code, stdout, stderr = await snippets.run(name, npm_client.folder, own_server.url)
        assert code == 0, stderr
        said[name] = stdout
    assert said["fetch"] == "Status: 200\nBody: Hello from VM\n"
    assert said["fetch_with_options"].startswith("Status: 200 OK\nHeaders: {")
    assert said["fetch_with_options"].endswith("Body: Hello from VM\n")
    assert said["create_preview"].count("/request/fetch/") == 2
    assert "Invalid Date" not in said["create_preview"]
    assert said["revoke_preview"] == ""


def test_the_document_shows_these_blocks() -> None:
    document = Path(__file__).parents[2] / "docs" / "from-rivet.md"
    shown = [part.partition("```")[0] for part in document.read_text().split("```ts\n")[1:]]
    assert len(shown) == 6
    known = ["".join(snippets.text(name).split()) for name in (*snippets.CLIENTS, *snippets.SERVERS)]
    for block in shown:
        assert any("".join(block.split()) in each for each in known), block


async def test_an_error_before_a_vm_is_the_clients_own(npm_client: Installed, server: ServerProcess) -> None:
    async with NpmClient(npm_client.folder, server.url, kind="none") as client:
        with pytest.raises(ClientError) as refused:
            await client.action(["x"], "exists", "/")
        assert (refused.value.group, refused.value.code) == ("hatchway", "unknown_vm_kind")
