"""What a person sees whose link is opened before its service is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from e2e.chromium import CHROMIUM, MISSING, launch
from e2e.server_process import ServerProcess
from hatchway import Agent, AsyncClient

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=MISSING),
]

LISTENS_WHEN_TOLD = """
const { existsSync } = require("fs"), { createServer } = require("http")
const timer = setInterval(() => {
    if (!existsSync("/home/user/go")) return
    clearInterval(timer)
    createServer((_, answer) => answer.end("<h1>The app</h1>")).listen(3000)
}, 20)
"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with launch() as browser:
        yield await browser.new_page()


async def test_the_page_loads_itself_again_until_the_service_is_there(agent: Agent, page: Page) -> None:
    await agent.spawn("node", ["-e", LISTENS_WHEN_TOLD])
    preview = await agent.create_signed_preview_url(3000)
    opened = await page.goto(preview.url)
    assert opened is not None
    assert opened.status == 502
    assert "3000" in await page.locator("h1").inner_text()
    assert await page.get_by_role("status").inner_text() == "This page tries again by itself."
    await agent.write_file("/home/user/go", "")
    await page.get_by_role("heading", name="The app").wait_for()


async def test_a_program_that_has_ended_is_named_as_the_cause(agent: Agent, page: Page) -> None:
    process = await agent.spawn("node", ["-e", "console.error('SECRET'); process.exit(3)"])
    assert process.pid
    preview = await agent.create_signed_preview_url(3000)
    opened = await page.goto(preview.url)
    assert opened is not None
    while "exited with code 3" not in await page.locator("h1").inner_text():
        await page.reload()  # it had not ended yet
    assert "SECRET" not in await page.content()


async def test_a_script_learns_why_its_socket_is_closed(agent: Agent, page: Page) -> None:
    await agent.spawn("node", ["-e", LISTENS_WHEN_TOLD])
    preview = await agent.create_signed_preview_url(3000)
    closed = """() => new Promise((close) => {
        const socket = new WebSocket("ws://" + location.host + "/")
        socket.onclose = (event) => close([event.code, event.reason])
    })"""
    await agent.write_file("/home/user/go", "")
    await page.goto(preview.url)
    await agent.spawn("node", ["-e", LISTENS_WHEN_TOLD.replace("3000", "4000").replace("/go", "/never")])
    other = await agent.create_signed_preview_url(4000)
    code, reason = await page.evaluate(closed.replace("location.host", repr(other.url.split("/")[2])))
    assert code == 1013
    assert "nothing listens on port 4000" in reason


async def test_a_browser_moves_from_a_path_address_to_the_host_address(page: Page, tmp_path: Path) -> None:
    # Below localhost, so that the browser finds it, and no API token is asked for.
    with ServerProcess(tmp_path, "--preview-domain", "preview.localhost") as server:
        async with AsyncClient(server.url) as client:
            agent = client.vm.get_or_create("moves")
            await agent.write_file("/home/user/go", "")
            await agent.spawn("node", ["-e", LISTENS_WHEN_TOLD])
            preview = await agent.create_signed_preview_url(3000)
            opened = await page.goto(f"{server.url}{preview.path}/a?b=c")
            assert opened is not None
            assert opened.status == 200
            assert page.url == f"http://{preview.token}.preview.localhost:{server.port}/a?b=c"
            assert await page.evaluate("window.origin") == page.url.removesuffix("/a?b=c")
