"""A person's way: headless Chromium opens a preview URL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Browser, Page

from e2e.chromium import CHROMIUM, MISSING, launch
from e2e.conftest import MakeAgent
from e2e.guest import start_service
from e2e.server_process import ServerProcess
from hatchway import Agent

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=MISSING),
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with launch() as running:
        yield running


@pytest.fixture
async def page(browser: Browser) -> Page:
    return await browser.new_page()


async def test_a_page_renders_and_revocation_closes_it(agent: Agent, page: Page) -> None:
    await start_service(agent, 3000, name="the app")
    preview = await agent.create_signed_preview_url(3000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    opened = await page.goto(f"{preview.url}page")
    assert opened is not None
    assert opened.status == 200
    assert await page.title() == "the app"
    assert await page.locator("h1").inner_text() == "Hello from the app"
    # The script's address is root-absolute, and the WebSocket's is made from the page's own host.
    await page.get_by_text("the script ran").wait_for()
    await page.get_by_text("the socket said hello").wait_for()
    assert problems == []

    assert await agent.expire_signed_preview_url(preview.token) is True
    refused = await page.reload()
    assert refused is not None
    assert refused.status == 403
    assert "preview has ended" in (await page.locator("h1").inner_text()).lower()
    shown = await page.locator("body").inner_text()
    assert "403 preview_not_found" in shown
    assert "Hello from the app" not in shown


async def test_a_socket_of_an_open_page_is_cut(agent: Agent, page: Page) -> None:
    await start_service(agent, 3000)
    preview = await agent.create_signed_preview_url(3000)
    await page.goto(preview.url)
    await page.evaluate(
        """() => new Promise((opened) => {
            window.ended = new Promise((close) => {
                const socket = new WebSocket("ws://" + location.host + "/socket");
                socket.onopen = opened;
                socket.onclose = (event) => close([event.code, event.reason]);
            });
        })"""
    )
    await agent.expire_signed_preview_url(preview.token)
    code, reason = await page.evaluate("window.ended")
    assert code == 1008
    assert "ended" in reason


async def test_a_page_of_a_preview_cannot_use_the_control_api(
    make_agent: MakeAgent, server: ServerProcess, page: Page
) -> None:
    agent, other = make_agent(), make_agent()
    await start_service(agent, 3000)
    await start_service(other, 3000, name="other")
    api = f"http://localhost:{server.port}/api/vms"
    preview = await agent.create_signed_preview_url(3000)
    stranger = await other.create_signed_preview_url(3000)
    attempt = """async ([url, options]) => {
        try {
            const answer = await fetch(url, options);
            return answer.type === "opaque" ? "opaque" : answer.status + " " + await answer.text();
        } catch (error) { return String(error); }
    }"""
    # By its own origin, and in the path form, which shares the API's.
    for base in (preview.url, f"http://localhost:{server.port}/fetch/{preview.token}/"):
        opened = await page.goto(base)
        assert opened is not None
        assert opened.status == 200
        assert await page.evaluate(attempt, [api, {}]) == "TypeError: Failed to fetch"
        json_body = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": "{}"}
        assert await page.evaluate(attempt, [api, json_body]) == "TypeError: Failed to fetch"
        # A form's request is sent without asking first; nothing comes of it.
        simple = {"method": "POST", "mode": "no-cors", "body": '{"name": "vm", "key": "from-the-page"}'}
        assert await page.evaluate(attempt, [api, simple]) == "opaque"
        assert "from-the-page" not in await _keys(server)
        # Another preview may be read by whoever has its token, and only so.
        assert await page.evaluate(attempt, [stranger.url, {}]) == "200 other"
        assert await page.evaluate(attempt, [f"{stranger.url}?{preview.token}", {}]) == "200 other"
    # Cookies of one preview are not the other's.
    await page.goto(preview.url)
    await page.evaluate("document.cookie = 'own=1; path=/'")
    await page.goto(stranger.url)
    assert await page.evaluate("document.cookie") == ""


async def _keys(server: ServerProcess) -> str:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{server.url}/api/vms")).text


async def test_a_port_that_opens_later_shows_after_trying_again(agent: Agent, page: Page) -> None:
    preview = await agent.create_signed_preview_url(3000)
    opened = await page.goto(preview.url)
    assert opened is not None
    assert opened.status == 502
    assert "3000" in await page.locator("h1").inner_text()
    await start_service(agent, 3000, name="now there")
    await page.get_by_role("link", name="Try again").click()
    await page.get_by_text("now there").wait_for()
