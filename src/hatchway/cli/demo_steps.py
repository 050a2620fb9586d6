"""What the demo does: the networking and previews page, step by step, against a server that runs."""

from __future__ import annotations

import json

import httpx

from hatchway.cli.narrator import Narrator
from hatchway.client import AsyncClient, Preview
from hatchway.errors import HatchwayError

SERVER_JS = """\
require("http").createServer((request, response) => {
  if (request.url !== "/api/data") return response.end("Hello from VM");
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () => {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ method: request.method, received: JSON.parse(body) }));
  });
}).listen(3000);
"""

OTHER_SERVER_JS = """\
require("http").createServer((request, response) => response.end("Hello from another VM")).listen(3000);
"""


async def show(narrator: Narrator, client: AsyncClient) -> Preview:
    """Go through the page; gives a preview that works and was not revoked.

    Raises:
        HatchwayError: the first step that did not go as the page says.
    """
    with narrator.step("Find the VM by its key", 'agent = client.vm.get_or_create(["my-agent"])'):
        agent = client.vm.get_or_create(["my-agent"])
        ran = await agent.exec("echo I am $(id -un) on $(uname -s)")
        narrator.answer(f"{ran.stdout.strip()} (exit code {ran.exit_code}; the first action booted it)")

    with narrator.step("Write a web server into it", 'await agent.write_file("/home/user/server.js", …)'):
        await agent.write_file("/home/user/server.js", SERVER_JS)
        narrator.answer(f"{len(SERVER_JS)} bytes")

    with narrator.step("Start it", 'await agent.spawn("node", ["/home/user/server.js"])'):
        process = await agent.spawn("node", ["/home/user/server.js"])
        narrator.answer(f"pid {process.pid}")

    with narrator.step("Fetch from it", 'response = await agent.vm_fetch(3000, "/")'):
        response = await agent.vm_fetch(3000, "/")
        narrator.answer(f"{response.status} {response.status_text}: {response.text}")
        _expect(response.status == 200 and response.text == "Hello from VM", "the VM's web server")

    code = 'await agent.vm_fetch(3000, "/api/data", method="POST",\n    headers={"Content-Type": …}, body=…)'
    with narrator.step("Fetch with a method, headers and a body", code):
        response = await agent.vm_fetch(
            3000,
            "/api/data",
            method="POST",
            headers={"Content-Type": "application/json"},
            body=json.dumps({"key": "value"}),
        )
        narrator.answer(
            f"{response.status} {response.status_text}, {response.headers.get('content-type', '')}"
        )
        narrator.answer(response.text)
        _expect(response.json() == {"method": "POST", "received": {"key": "value"}}, "POST /api/data")

    with narrator.step(
        "Create a preview URL (one hour)", "preview = await agent.create_signed_preview_url(3000)"
    ):
        preview = await agent.create_signed_preview_url(3000)
        narrator.answer(f"{preview.url}")
        narrator.answer(f"until {preview.expires_at:%Y-%m-%d %H:%M:%S} UTC; path {preview.path}")

    with narrator.step(
        "And one for five minutes", "short = await agent.create_signed_preview_url(3000, 300)"
    ):
        short = await agent.create_signed_preview_url(3000, 300)
        narrator.answer(f"until {short.expires_at:%H:%M:%S} UTC")

    async with httpx.AsyncClient(trust_env=False) as browser:
        with narrator.step("Open the first as a browser does", f"GET {preview.url}"):
            page = await _open(browser, client, preview)
            narrator.answer(f"{page.status_code} {page.reason_phrase}: {page.text}")
            _expect(page.status_code == 200 and page.text == "Hello from VM", "the preview")

        with narrator.step("Ask from another origin (CORS preflight)", "OPTIONS / from https://example.org"):
            preflight = await _open(
                browser,
                client,
                preview,
                "OPTIONS",
                {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"},
            )
            narrator.answer(f"{preflight.status_code} {preflight.reason_phrase}")
            for name, value in preflight.headers.items():
                if name.startswith("access-control-"):
                    narrator.answer(f"{name}: {value}")
            _expect(preflight.status_code == 204, "the CORS preflight")

        with narrator.step("Revoke it", "await agent.expire_signed_preview_url(preview.token)"):
            await agent.expire_signed_preview_url(preview.token)
            refused = await _open(browser, client, preview)
            narrator.answer(f"the same URL now: {refused.status_code} {refused.reason_phrase}")
            _expect(refused.status_code == 403, "revocation")

        code = 'other = client.vm.get_or_create(["another-agent"])'
        with narrator.step("A second VM with a server on the same port", code):
            other = client.vm.get_or_create(["another-agent"])
            await other.write_file("/home/user/server.js", OTHER_SERVER_JS)
            await other.spawn("node", ["/home/user/server.js"])
            answers = [await other.vm_fetch(3000, "/"), await agent.vm_fetch(3000, "/")]
            narrator.answer(f"another-agent, port 3000: {answers[0].text}")
            narrator.answer(f"my-agent, port 3000: {answers[1].text}")
            texts = [answer.text for answer in answers]
            _expect(texts == ["Hello from another VM", "Hello from VM"], "two VMs on one port")

        with narrator.step("A preview to keep", "preview = await agent.create_signed_preview_url(3000)"):
            last = await agent.create_signed_preview_url(3000)
            page = await _open(browser, client, last)
            narrator.answer(f"{page.status_code} {page.reason_phrase}: {page.text}")
            _expect(page.status_code == 200, "the last preview")
    return last


async def _open(
    browser: httpx.AsyncClient,
    client: AsyncClient,
    preview: Preview,
    method: str = "GET",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    # Browsers take every name under localhost for this machine (RFC 6761 section 6.3); the resolver here may not. So
    # the server's own address is dialled, with the Host that a browser sends.
    host = httpx.URL(preview.url).netloc.decode("ascii")
    return await browser.request(
        method, client.url + "/", headers={"Host": host, "Accept": "text/html"} | (headers or {})
    )


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise HatchwayError("demo_failed", f"{what} did not answer as it should", "hatchway doctor")
