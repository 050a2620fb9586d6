from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from compatibility.app import FOLDER, NODE_MODULES, App, Running
from e2e import chromium
from hatchway import Agent

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.browser,
    pytest.mark.skipif(not chromium.CHROMIUM.exists(), reason=chromium.MISSING),
]

APP = App(
    tool="Vite",
    folder="vite",
    port=5173,
    command=("node", f"{NODE_MODULES}/vite/bin/vite.js"),
    version=("node", f"{NODE_MODULES}/vite/bin/vite.js", "--version"),
    locked_as="npm:vite",
)


async def test_hot_reload(agent: Agent, running: Running, browser_page: Page) -> None:
    """A React page in Chromium; edits of a component and of a style show at once, without loading the page again."""
    page = browser_page
    # What is edited before its socket is open would not reach the page.
    async with page.expect_console_message(lambda message: "[vite] connected" in message.text):
        await page.goto(running.preview.url)
    heading, button = page.get_by_role("heading"), page.get_by_role("button")
    await expect(heading).to_have_text("As it was")
    await expect(heading).to_have_css("color", "rgb(1, 2, 3)")
    await page.evaluate("window.ofTheFirstLoad = true")
    await button.click()
    await button.click()
    await expect(button).to_have_text("pressed 2 times")

    component = (await agent.read_file(f"{FOLDER}/src/App.jsx")).decode()
    await agent.write_file(f"{FOLDER}/src/App.jsx", component.replace("As it was", "Edited meanwhile"))
    await expect(heading).to_have_text("Edited meanwhile")
    await agent.write_file(f"{FOLDER}/src/style.css", "h1 { color: rgb(4, 5, 6); }")
    await expect(heading).to_have_css("color", "rgb(4, 5, 6)")
    # The state of the component and of the page is the one of before.
    await expect(button).to_have_text("pressed 2 times")
    assert await page.evaluate("window.ofTheFirstLoad") is True
